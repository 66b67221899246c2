variable "queue" {
  description = "Name of the DLI queue. It lives in an elastic resource pool."
  type        = string
}

variable "vpc_id" {
  description = "ID of the VPC that the database is in."
  type        = string
}

variable "subnet_id" {
  description = "Network ID of the database's subnet."
  type        = string
}

variable "database_address" {
  description = "Private IPv4 address of the database."
  type        = string
}
