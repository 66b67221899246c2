# hosts.txt is a copy of /etc/hosts of a node of the MRS cluster.
resource "dli_enhanced_connection" "mrs" {
  name            = "mrs_hbase"
  dest_vpc_id     = "22094d8f-c310-4621-913d-4c4d655d8495"
  dest_network_id = "78f2562a-36e4-4b39-95b9-f5aab22e1281"
  queues          = ["q1"]
  hosts           = provider::dli::hosts_from_text(file("${path.module}/hosts.txt"))
}
