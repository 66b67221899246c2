variable "queue" {
  description = "Name of a DLI queue in an elastic resource pool."
  type        = string
}

variable "vpc_id" {
  description = "ID of the VPC of the database."
  type        = string
}

variable "subnet_id" {
  description = "Network ID of the subnet of the database."
  type        = string
}

variable "database_address" {
  description = "Private IPv4 address of the database."
  type        = string
}
