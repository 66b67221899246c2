data "dli_enhanced_connections" "analytics" {
  tags = {
    team = "analytics"
  }
}

output "failed" {
  value = {
    for connection in data.dli_enhanced_connections.analytics.connections : connection.name => [
      for name, binding in connection.bindings : "${name}: ${binding.error}" if binding.status == "FAILED"
    ]
  }
}
