import {
  to = dli_enhanced_connection_privilege.mrs
  identity = {
    connection_id        = "2a620c33-5609-40c9-affd-2b6453071b0f"
    applicant_project_id = "330e068af1334c9782f4226acc00a2e2"
  }
}
