terraform {
  required_providers {
    dli = {
      source  = "opendli/dli"
      version = "~> 0.1.0"
    }
  }
}

# The provider reads the access key from HW_ACCESS_KEY and HW_SECRET_KEY.
provider "dli" {
  region     = "eu-west-101"
  project_id = "0123456789abcdef0123456789abcdef"
}
