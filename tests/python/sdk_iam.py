"""Calls IAM with Huawei's SDK, and the service with the credentials that IAM issued.

Reads one JSON document from standard input and writes the rows of table.py to standard output:

    {"access_key": .., "secret_key": .., "project_id": .., "region": .., "domain": .., "user": .., "password": ..,
     "agency": ..}

The SDK reads both endpoints from its variables `HUAWEICLOUD_SDK_IAM_ENDPOINT`,
`HUAWEICLOUD_SDK_REGION_IAM_<REGION>` and `HUAWEICLOUD_SDK_REGION_DLI_<REGION>`.
"""

import json
import sys

from huaweicloudsdkcore.auth.credentials import BasicCredentials, GlobalCredentials
from huaweicloudsdkdli.v1 import DliClient
from huaweicloudsdkdli.v1.model import ListEnhancedConnectionsRequest
from huaweicloudsdkdli.v1.region.dli_region import DliRegion
from huaweicloudsdkiam.v3 import IamClient
from huaweicloudsdkiam.v3 import model as m
from huaweicloudsdkiam.v3.region.iam_region import IamRegion

from table import ROWS, refused, row, same

GIVEN = json.load(sys.stdin)
KEYS = GIVEN["access_key"], GIVEN["secret_key"]


def iam(*keys):
    """IAM calls use the domain, whose ID the SDK looks up itself."""
    region = IamRegion.value_of(GIVEN["region"])
    return IamClient.new_builder().with_credentials(GlobalCredentials(*keys)).with_region(region).build()


def connections(credentials):
    """The number of connections that the service lists with these credentials."""
    region = DliRegion.value_of(GIVEN["region"])
    client = DliClient.new_builder().with_credentials(credentials).with_region(region).build()
    return len(client.list_enhanced_connections(ListEnhancedConnectionsRequest()).connections)


def password_token(password):
    user = m.PwdPasswordUser(m.PwdPasswordUserDomain(GIVEN["domain"]), GIVEN["user"], password)
    auth = m.PwdAuth(m.PwdIdentity(["password"], m.PwdPassword(user)),
                     m.AuthScope(project=m.AuthScopeProject(name=GIVEN["region"])))
    return iam(*KEYS).keystone_create_user_token_by_password(m.KeystoneCreateUserTokenByPasswordRequest(
        body=m.KeystoneCreateUserTokenByPasswordRequestBody(auth)))


def by_password():
    answer = password_token(GIVEN["password"])
    same("status", answer.status_code, 201)
    same("there is a token", bool(answer.x_subject_token), True)
    same("project", (answer.token.project.id, answer.token.project.name), (GIVEN["project_id"], GIVEN["region"]))
    same("user", (answer.token.user.name, answer.token.user.domain.name), (GIVEN["user"], GIVEN["domain"]))
    return answer.x_subject_token


def by_agency():
    role = m.AgencyTokenAssumerole(domain_name=GIVEN["domain"], agency_name=GIVEN["agency"])
    auth = m.AgencyTokenAuth(m.AgencyTokenIdentity(["assume_role"], role),
                             m.AgencyTokenScope(project=m.AgencyTokenScopeProject(name=GIVEN["region"])))
    answer = iam(*KEYS).keystone_create_agency_token(
        m.KeystoneCreateAgencyTokenRequest(body=m.KeystoneCreateAgencyTokenRequestBody(auth)))
    same("status", answer.status_code, 201)
    same("there is a token", bool(answer.x_subject_token), True)


def usable(credential):
    """The service accepts temporary keys only with their security token."""
    keys = credential.access, credential.secret
    same("connections", connections(BasicCredentials(*keys, GIVEN["project_id"]).with_security_token(
        credential.securitytoken)), 0)
    refused("ListEnhancedConnections", "temporary keys without their token", 401, "APIGW.0301", "",
            lambda: connections(BasicCredentials(*keys, GIVEN["project_id"])))


def keys_by_token(token):
    identity = m.TokenAuthIdentity(["token"], m.IdentityToken(token, 900))
    usable(iam(*KEYS).create_temporary_access_key_by_token(m.CreateTemporaryAccessKeyByTokenRequest(
        body=m.CreateTemporaryAccessKeyByTokenRequestBody(m.TokenAuth(identity)))).credential)


def keys_by_agency():
    role = m.IdentityAssumerole(agency_name=GIVEN["agency"], domain_name=GIVEN["domain"], duration_seconds=900)
    usable(iam(*KEYS).create_temporary_access_key_by_agency(m.CreateTemporaryAccessKeyByAgencyRequest(
        body=m.CreateTemporaryAccessKeyByAgencyRequestBody(
            m.AgencyAuth(m.AgencyAuthIdentity(["assume_role"], role))))).credential)


def projects():
    def found(**query):
        listed = iam(*KEYS).keystone_list_projects(m.KeystoneListProjectsRequest(**query)).projects
        return [(each.name, each.id, each.enabled) for each in listed]

    same("by name", found(name=GIVEN["region"]), [(GIVEN["region"], GIVEN["project_id"], True)])
    same("by a name that is nowhere", found(name="nowhere-1"), [])


def main():
    token = row("KeystoneCreateUserTokenByPassword", "for a project by name", by_password)
    refused("KeystoneCreateUserTokenByPassword", "a wrong password", 401, 401, "password",
            lambda: password_token("wrong"))
    row("KeystoneCreateAgencyToken", "for a project by name", by_agency)
    row("KeystoneListProjects", "by name", projects)
    # Without a project ID, the SDK looks it up by the region.
    row("KeystoneListAuthDomains", "by the SDK itself", lambda: iam(*KEYS) and None)
    row("KeystoneListProjects", "by the SDK itself", lambda: same("connections", connections(BasicCredentials(*KEYS)), 0))
    row("CreateTemporaryAccessKeyByToken", "which the service believes", lambda: keys_by_token(token))
    row("CreateTemporaryAccessKeyByAgency", "which the service believes", keys_by_agency)
    json.dump(ROWS, sys.stdout)


main()
