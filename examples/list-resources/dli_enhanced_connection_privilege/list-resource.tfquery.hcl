# The projects that one connection is shared with.
list "dli_enhanced_connection_privilege" "mrs" {
  provider = dli

  config {
    connection_id = "2a620c33-5609-40c9-affd-2b6453071b0f"
  }
}
