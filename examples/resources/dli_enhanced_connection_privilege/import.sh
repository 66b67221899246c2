# By the ID of the connection and the ID of the other project.
terraform import dli_enhanced_connection_privilege.mrs 2a620c33-5609-40c9-affd-2b6453071b0f/330e068af1334c9782f4226acc00a2e2
