import {
  to = dli_enhanced_connection_binding.mrs
  identity = {
    connection_id = "2a620c33-5609-40c9-affd-2b6453071b0f"
    queue         = "q1"
  }
}
