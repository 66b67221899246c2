#!/bin/sh
# Applies the module, requires an empty plan, and destroys it. Usage: dli-emulator --binding-delay 0s -- ./test.sh
set -eu
export TF_INPUT=0

terraform init
terraform apply -auto-approve
test "$(terraform output -json binding_status)" = '{"q1":"ACTIVE"}'
terraform plan -detailed-exitcode
terraform destroy -auto-approve
