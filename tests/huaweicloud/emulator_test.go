// Points the provider under test at dli-emulator. `run` adds this file to the package of the acceptance tests, without
// changing their directory: the provider reads its endpoints from the provider block only, and the tests have none.
package dli

import (
	"context"
	"os"

	"github.com/hashicorp/terraform-plugin-sdk/v2/diag"
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"

	"github.com/huaweicloud/terraform-provider-huaweicloud/huaweicloud/services/acceptance"
)

func init() {
	configure := acceptance.TestAccProvider.ConfigureContextFunc
	acceptance.TestAccProvider.ConfigureContextFunc = func(
		ctx context.Context, data *schema.ResourceData,
	) (any, diag.Diagnostics) {
		endpoints := make(map[string]any)
		for _, service := range []string{"dli", "dns", "eps", "iam", "vpc"} {
			endpoints[service] = os.Getenv("DLI_ENDPOINT")
		}
		if err := data.Set("endpoints", endpoints); err != nil {
			return nil, diag.FromErr(err)
		}
		return configure(ctx, data)
	}
}
