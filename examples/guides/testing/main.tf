variable "queues" {
  description = "Queues that use the connection."
  type        = set(string)
  default     = ["q1"]

  validation {
    condition     = length(var.queues) > 0
    error_message = "Name at least one queue."
  }
}

variable "vpc_id" {
  type    = string
  default = "22094d8f-c310-4621-913d-4c4d655d8495"
}

variable "subnet_id" {
  type    = string
  default = "78f2562a-36e4-4b39-95b9-f5aab22e1281"
}

resource "dli_enhanced_connection" "reporting" {
  name            = "reporting"
  dest_vpc_id     = var.vpc_id
  dest_network_id = var.subnet_id
  queues          = var.queues
}

output "peer_ids" {
  description = "ID of the VPC peering of each queue."
  value       = { for name, binding in dli_enhanced_connection.reporting.bindings : name => binding.peer_id }
}
