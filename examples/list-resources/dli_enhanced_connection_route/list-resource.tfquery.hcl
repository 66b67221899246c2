# The routes of all connections in another region than the provider's.
list "dli_enhanced_connection_route" "all" {
  provider = dli

  config {
    region = "eu-west-101"
  }
}
