# The queues and elastic resource pools of one connection. Without connection_id, those of all connections.
list "dli_enhanced_connection_binding" "mrs" {
  provider = dli

  config {
    connection_id = "2a620c33-5609-40c9-affd-2b6453071b0f"
  }
}
