# The network team manages the connection. It leaves routes unset, so that other teams can add theirs.
resource "dli_enhanced_connection" "mrs" {
  name            = "mrs_production"
  dest_vpc_id     = "22094d8f-c310-4621-913d-4c4d655d8495"
  dest_network_id = "78f2562a-36e4-4b39-95b9-f5aab22e1281"
}

# In another configuration, use a literal ID or the data source dli_enhanced_connection.
resource "dli_enhanced_connection_route" "mrs" {
  connection_id = dli_enhanced_connection.mrs.id
  name          = "warehouse"
  cidr          = "192.168.2.0/24"
}
