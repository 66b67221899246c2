moved {
  from = huaweicloud_dli_datasource_connection.mrs
  to   = dli_enhanced_connection.mrs
}

moved {
  from = huaweicloud_dli_datasource_connection_associate.pool
  to   = dli_enhanced_connection_binding.pool
}

moved {
  from = huaweicloud_dli_datasource_connection_privilege.partner
  to   = dli_enhanced_connection_privilege.partner
}
