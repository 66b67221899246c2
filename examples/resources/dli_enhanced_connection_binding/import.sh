# By the ID of the connection, queue or elastic_resource_pool, and the name.
terraform import dli_enhanced_connection_binding.mrs 2a620c33-5609-40c9-affd-2b6453071b0f/queue/q1
