//! One webhook of every shape that is documented (`reference/whatsapp-cloud-api.md`, section 2), with people who do not exist. Asserts
//! nothing. Everything that identifies one of them is in [`PERSONAL`].

/// What no log line may contain: numbers, BSUIDs, names, texts, ids of messages.
pub(super) const PERSONAL: [&str; 7] = ["4915155501", "DE.1000000", "Erika", "max.muster", "wamid", "Geheimnis", "Beispielweg"];

/// Values of the field `messages`, without the metadata.
pub(super) const VALUES: [&str; 25] = [
    r#""contacts":[{"profile":{"name":"Erika M."},"wa_id":"491515550101","user_id":"DE.10000000000000000101"}],"messages":[{"from":
    "491515550101","from_user_id":"DE.10000000000000000101","id":"wamid.IN1","timestamp":"1795305600","type":"text","text":{"body":"Ein
    \ud83d\ude00 Geheimnis"}}]"#,
    r#""contacts":[{"profile":{"name":"Max","username":"max.muster"},"user_id":"DE.10000000000000000102"}],"messages":[{"from_user_id":
    "DE.10000000000000000102","id":"wamid.IN2","timestamp":"1795305660","type":"text","text":{"body":"Geheimnis"},"errors":[]}]"#,
    r#""contacts":[{"wa_id":"491515550103"}],"messages":[{"from":"491515550103","id":"wamid.IN3","timestamp":1795305660,"type":"image",
    "image":{"id":"1","mime_type":"image/jpeg","sha256":"Geheimnis","caption":"Geheimnis"}}]"#,
    r#""contacts":[{"wa_id":"491515550101","user_id":"DE.10000000000000000101"}],"messages":[{"from":"491515550101","id":"wamid.IN4",
    "timestamp":"1795306000","type":"interactive","context":{"from":"491515550000","id":"wamid.OUT2"},"interactive":{"type":
    "button_reply","button_reply":{"id":"v1:yes:corona","title":"Ja, weiter"}}}]"#,
    r#""messages":[{"from_user_id":"DE.10000000000000000101","id":"wamid.IN5","timestamp":"1795306000","type":"interactive",
    "interactive":{"type":"list_reply","list_reply":{"id":"v1:topic:testen","title":"Testen","description":"Geheimnis"}}}]"#,
    r#""messages":[{"from_user_id":"DE.10000000000000000101","id":"wamid.IN6","timestamp":"1795306000","type":"interactive",
    "interactive":{"type":"nfm_reply","nfm_reply":{"response_json":"{\"a\":\"Geheimnis\"}","name":"flow"}}}]"#,
    r#""messages":[{"from_user_id":"DE.10000000000000000101","id":"wamid.IN7","timestamp":"1795306000","type":"button","button":
    {"payload":"STOP","text":"Abmelden"},"context":{"from":"491515550000","id":"wamid.OUT3"}}]"#,
    r#""messages":[{"from_user_id":"DE.10000000000000000101","id":"wamid.IN8","timestamp":"1795306000","type":"location","location":
    {"latitude":47.62,"longitude":8.21,"name":"DRK-Haus","address":"Beispielweg 1"}}]"#,
    r#""messages":[{"from_user_id":"DE.10000000000000000101","id":"wamid.IN9","timestamp":"1795306000","type":"contacts","contacts":
    [{"origin":"contact_request","phones":[{"phone":"+491515550101","wa_id":"491515550101","type":"CELL"}]}]}]"#,
    r#""messages":[{"from_user_id":"DE.10000000000000000101","id":"wamid.IN10","timestamp":"1795306000","type":"reaction","reaction":
    {"message_id":"wamid.OUT1","emoji":"\ud83d\udc4d"}}]"#,
    r#""messages":[{"from_user_id":"DE.10000000000000000101","id":"wamid.IN11","timestamp":"1795306000","type":"reaction","reaction":
    {"message_id":"wamid.OUT1"}}]"#,
    r#""messages":[{"from_user_id":"DE.10000000000000000101","id":"wamid.IN12","timestamp":"1795306000","type":"order","order":
    {"catalog_id":"1","text":"Geheimnis","product_items":[{"product_retailer_id":"2","quantity":"1","item_price":2.5}]}}]"#,
    r#""messages":[{"from":"491515550101","id":"wamid.SYS1","timestamp":"1795310000","type":"system","system":{"type":
    "user_changed_number","wa_id":"491515550199","user_id":"DE.10000000000000000199","body":"User Erika M. changed from 491515550101 to
    491515550199"}}]"#,
    r#""messages":[{"id":"wamid.SYS2","timestamp":"1795310000","type":"system","system":{"type":"user_changed_user_id","user_id":
    "DE.10000000000000000203","body":"User Max changed from DE.10000000000000000102 to DE.10000000000000000203"}}]"#,
    r#""messages":[{"from":"491515550101","id":"wamid.SYS3","timestamp":"1795310000","type":"system","system":{"type":
    "customer_identity_changed","identity":"Geheimnis","wa_id":"491515550101","body":"Erika M. has a new phone"}}]"#,
    r#""messages":[{"from":"491515550101","id":"wamid.SYS4","timestamp":"1795310000","type":"system","system":{"type":
    "moved to 491515550101","body":"Geheimnis"}}]"#,
    r#""messages":[{"from_user_id":"DE.10000000000000000101","id":"wamid.IN13","timestamp":"1795306000","type":"edit","edit":
    {"original_message_id":"wamid.IN1","message":{"type":"text","text":{"body":"STOPP"},"context":{"id":"M0"}}}}]"#,
    r#""messages":[{"from_user_id":"DE.10000000000000000101","id":"wamid.IN14","timestamp":"1795306000","type":"revoke","revoke":
    {"original_message_id":"wamid.IN1"}}]"#,
    r#""messages":[{"from_user_id":"DE.10000000000000000101","id":"wamid.IN15","timestamp":"1795306000","type":"unsupported",
    "unsupported":{"type":"poll_creation"},"errors":[{"code":131051,"title":"Geheimnis","error_data":{"details":"Geheimnis"}}]}]"#,
    r#""messages":[{"from":"491515550101","id":"wamid.IN16","timestamp":"1795306000","type":"unknown","errors":[{"code":501}]},
    {"id":"wamid.IN17","timestamp":"soon","type":"das Geheimnis"},{"id":"wamid.IN18","timestamp":"1","type":"image"}]"#,
    r#""contacts":[{"profile":{"name":"Erika M."},"wa_id":"491515550101","user_id":"DE.10000000000000000101"}],"statuses":[{"id":
    "wamid.OUT1","status":"delivered","timestamp":"1795305632","recipient_id":"491515550101","recipient_user_id":
    "DE.10000000000000000101","biz_opaque_callback_data":"v1:0000000000000007:000000000000002a","pricing":{"billable":false,
    "pricing_model":"PMP","type":"free_customer_service","category":"service"}}]"#,
    r#""statuses":[{"id":"wamid.OUT3","status":"failed","timestamp":1795392060,"recipient_id":"491515550101","errors":[{"code":131047,
    "title":"Re-engagement message","error_data":{"details":"Geheimnis"},"href":"/docs"},{"code":"131026"}]}]"#,
    r#""statuses":[{"id":"wamid.OUT4","status":"sent","timestamp":"1795392060","recipient_type":"group","recipient_id":"g",
    "recipient_participant_id":"491515550101"},{"id":"wamid.OUT5","status":"teleported","timestamp":"1795392060"}]"#,
    r#""errors":[{"code":130429,"title":"Rate limit hit","message":"Geheimnis","error_data":{"details":"491515550101"}},{"code":
    131035},{"code":"33"},{"title":"Geheimnis"},7]"#,
    r#""messages":[{"group_id":"Geheimnis","from":"491515550101","id":"wamid.IN19","timestamp":"1","type":"text","text":{"body":"x"}}]"#,
];

/// Other fields and their values.
pub(super) const FIELDS: [(&str, &str); 22] = [
    (
        "user_id_update",
        r#"{"messaging_product":"whatsapp","metadata":{"display_phone_number":"491515550000","phone_number_id":"200000000000002"},
        "contacts":[{"profile":{"name":"Erika M."},"wa_id":"491515550199"}],"user_id_update":[{"wa_id":"491515550199","detail":"User id
        for Erika has been updated.","user_id":{"previous":"DE.10000000000000000101","current":"DE.10000000000000000199"},"timestamp":
        "1795310000"}]}"#,
    ),
    (
        "account_update",
        r#"{"event":"ACCOUNT_RESTRICTION","restriction_info":[{"restriction_type":"RESTRICTED_CUSTOMER_INITIATED_MESSAGING",
        "expiration":1795660000},{"restriction_type":"RESTRICTED_BIZ_INITIATED_MESSAGING","expiration":"1795660000"}]}"#,
    ),
    ("account_update", r#"{"event":"DISABLED_UPDATE","ban_info":{"waba_ban_state":"SCHEDULE_FOR_DISABLE","waba_ban_date":"x"}}"#),
    ("account_update", r#"{"event":"ACCOUNT_VIOLATION","violation_info":{"violation_type":"das Geheimnis"}}"#),
    ("account_update", r#"{"event":"PARTNER_ADDED","waba_info":{"waba_id":"100000000000001","owner_business_id":"5"}}"#),
    ("account_update", r#"{"phone_number":"491515550101","event":"VERIFIED_ACCOUNT"}"#),
    (
        "account_alerts",
        r#"{"entity_type":"WABA","entity_id":"100000000000001","alert_info":{"alert_severity":"CRITICAL","alert_status":"ACTIVE",
        "alert_type":"OBA","alert_description":"Geheimnis"}}"#,
    ),
    ("phone_number_quality_update", r#"{"display_phone_number":"491515550101","event":"FLAGGED","current_limit":"TIER_250"}"#),
    ("phone_number_quality_update", r#"{"event":"THROUGHPUT_UPGRADE","max_daily_conversations_per_business":"TIER_UNLIMITED"}"#),
    (
        "user_preferences",
        r#"{"contacts":[{"wa_id":"491515550101"}],"user_preferences":[{"wa_id":"491515550101","detail":"Geheimnis","category":
        "marketing_messages","value":"stop","timestamp":1795305600}]}"#,
    ),
    ("security", r#"{"display_phone_number":"491515550101","event":"PIN_CHANGED","requester":"Erika"}"#),
    ("business_capability_update", r#"{"max_daily_conversations_per_business":250}"#),
    ("message_template_status_update", r#"{"event":"APPROVED","message_template_id":7,"message_template_name":"Geheimnis"}"#),
    ("phone_number_name_update", r#"{"display_phone_number":"491515550101","decision":"REJECTED","requested_verified_name":"Erika"}"#),
    ("account_review_update", r#"{"decision":"APPROVED"}"#),
    ("payment_configuration_update", r#"{"configuration_name":"Geheimnis"}"#),
    ("business_username_updates", r#"{"username":"Erika","status":"approved"}"#),
    ("history", r#"{"history":[{"threads":[{"id":"491515550101","messages":[]}]}]}"#),
    ("smb_message_echoes", r#"{"message_echoes":[{"from":"491515550000","to":"491515550101","text":{"body":"Geheimnis"}}]}"#),
    ("calls", r#"{"calls":[{"id":"wacid.1","from":"491515550101","event":"connect","timestamp":1795305600}]}"#),
    ("group_lifecycle_update", r#"{"groups":[]}"#),
    ("das Geheimnis von 491515550101", r#"{"Geheimnis":"491515550101"}"#),
];
