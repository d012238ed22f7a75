// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The events that are logged. Each row has the event's constant, its name (MWAN_EVENT in the
 * journal), and its MESSAGE_ID, by which conf/mwan.catalog explains it. An id is an event's for
 * ever: `journalctl --new-id128` makes the next one.
 */
#pragma once

/* clang-format off */
#define EVENT_ROWS(row) \
	row(WAN_DOWN, "wan-down", "12ff54665c734919919e548e97b6f8b3") \
	row(WAN_UP, "wan-up", "58f591146ed54b07a9b82373a5de7307") \
	row(PROBES_UNSENT, "probes-unsent", "fd355911ce764515802550d90d737bfa") \
	row(PROBES_SENT, "probes-sent", "100e99b70cbc4508be204d8289a7766d") \
	row(INELIGIBLE, "ineligible", "278f1bc97c6a4bbd9888aa42226dd5ca") \
	row(ELIGIBLE, "eligible", "b8035036717e4551b555a5267b58f773") \
	row(HELD, "held", "8111f78a4dc546c08ae2f9d142dc95e7") \
	row(DRAINED, "drained", "255b4ca1cf774b0eaf0fffc17b416832") \
	row(UNDRAINED, "undrained", "27d2db7e938a4838b721d64ad90958df") \
	row(LINK_LOST, "link-lost", "266bae4856f54a358b58acde642ab8e6") \
	row(LINK_BACK, "link-back", "fad21f01fdb84e12be63205f4435e7d7") \
	row(AWAITED, "awaited", "7d7a7df166a24364aad5386985d6a2f9") \
	row(GATEWAY_LOST, "gateway-lost", "a12158775fb84800931e071ff3c5bebf") \
	row(GATEWAY_BACK, "gateway-back", "24c7b24ff26f4a87acaa2bbdde85cd7c") \
	row(GATEWAY_BAD, "gateway-bad", "2d8d4f932d7140c5ba87b9e4a863e2a8") \
	row(ROUTER_CHANGED, "router-changed", "33fb5dd240c0401cb72f66ad78fadf86") \
	row(ADDRESS_LOST, "address-lost", "b7c7a5cfdb384f39a0d61d6ce602b8aa") \
	row(ADDRESS_BACK, "address-back", "f5d3cdbfe1a246e99fcf03e474fc8c1d") \
	row(ROUTER_SOLICITED, "router-solicited", "718bd0d4d1c34e1295254db88ac0b87c") \
	row(LEASE_RENEWED, "lease-renewed", "72feee2f8f8c4a8bb22dcfc6d45f39ad") \
	row(PREFIX_MISSING, "prefix-missing", "59bea967d8144b0c9aeca9e3eca4ee5d") \
	row(PREFIX_LOST, "prefix-lost", "bd1a02055ad94131acf25ace4f40989d") \
	row(PREFIX_NEW, "prefix-new", "192c26ce56b5439cb9c5b4dd5c7ea5c5") \
	row(CONFLICT, "conflict", "48589e18fde34feb9d61c45538826f33") \
	row(CONFLICT_OVER, "conflict-over", "7b44624983794a878046e39b6cb7e9c1") \
	row(LAN_LOST, "lan-lost", "c252524d9c804c0fb7e0dc7b597680c6") \
	row(LAN_BACK, "lan-back", "bd87bbe71e684b3d89787050b7cd13ff") \
	row(ROUTER6_AMBIGUOUS, "router6-ambiguous", "eef8ad1d1c4d4dc0b18f658413a62086") \
	row(MANAGEMENT_LOST, "management-lost", "bf12e2292da245c788de45edd0c4d760") \
	row(MANAGEMENT_BACK, "management-back", "ed1e63a4809b4937bfb1cc55b8f8b461") \
	row(NETWORKD_LOST, "networkd-lost", "f3e8f84c293947dda79de49a7d1ae7ee") \
	row(NETWORKD_BACK, "networkd-back", "35ba55537a214beeb347931304d20683") \
	row(NETWORKD, "networkd", "4a896c5c867d41e0846599d0fe7782f4") \
	row(BASE_LOST, "base-lost", "12e69790cfcd444a835f74309beefcdf") \
	row(BASE_LOADED, "base-loaded", "88a29234cdc74449ad54d4177c963773") \
	row(RULE_REMOVED, "rule-removed", "2e6aa5e9fc314b569513b9985736642b") \
	row(FORWARDING_STOPPED, "forwarding-stopped", "5762fa34cc1047fc9441349fd0620ae7") \
	row(FORWARDING_UNSAFE, "forwarding-unsafe", "b7839e16f717422581d6c8592a39e172") \
	row(FORWARDING_BACK, "forwarding-back", "f1470af7b53a4942a927724278e1fc40") \
	row(FLOWS_FULL, "flows-full", "112a780439a64364adb89325ca278b76") \
	row(FLOWS_ROOM, "flows-room", "f12c145c605b4abe845aaa24cc04d8f5") \
	row(FLOWS_REMOVED, "flows-removed", "03f4305fe7d74666bf84ba29c79a5879") \
	row(CHANGED, "changed", "78a300b41e5a494ba80663d9ab8aa9fb") \
	row(TRANSACTION, "transaction", "791c398d245345c681c4bdf492545407") \
	row(STEP, "step", "69b5a5d9eceb4959b0d98ed3c91a2fa9") \
	row(STEP_WAITS, "step-waits", "795155ea414646338a6cd26ddbb18f5e") \
	row(FAILED, "failed", "bc562cb285184cbbba88c7bb56d15fe4") \
	row(RECOVERED, "recovered", "08c97ee2a522407f881ec5e76e12496b") \
	row(CONFIG_READ, "config-read", "87645a382c64483d87fdc245e6bfae2e") \
	row(CONFIG_REFUSED, "config-refused", "dcbef07869184493b2161e347d002a1e") \
	row(LOCK_HELD, "lock-held", "549726110ef4438185b609cf0a6737f7") \
	row(LOCK_FREE, "lock-free", "c93a28a1783a49cb992b44927f2ef905") \
	row(FILES_REMOVED, "files-removed", "714e9e3abb6d47c7a73eb2836cb41810") \
	row(FILES_UNWATCHED, "files-unwatched", "a1d629169a3f4ba5a68b8f738055d696") \
	row(REPORT_UNWRITTEN, "report-unwritten", "faebcda51e7a4d568d6dbef95d016cd3") \
	row(REPORT_WRITTEN, "report-written", "8a378002ba2d453eba81497c5cbafeb5") \
	row(REPORT_UNREADABLE, "report-unreadable", "f42c3a97b64743d9929f8b8956c4e6a6") \
	row(PREFIXES_UNREADABLE, "prefixes-unreadable", "c42f841fdb9141fd8210f1fb9de130e7") \
	row(WATCHDOG_HUNGRY, "watchdog-hungry", "fa0b08b2b1564e798d4a53e71edf72e1") \
	row(WATCHDOG_FED, "watchdog-fed", "fd92bd7d880d495382c0db9f5f9149a9") \
	row(UNANNOUNCED, "unannounced", "8f7325e32c0c404284254a444a4739da") \
	row(ANNOUNCED, "announced", "cff891ae6fba4c3cae82973087217ec7") \
	row(NOTIFY_FAILED, "notify-failed", "9e59dcd7de7b4f3383c4156d176c7e2c") \
	row(NO_NAMES, "no-names", "7dc55d0e557c4dbfbf86cb80bdb1f503") \
	row(NO_HTTP, "no-http", "eba6048dfaba4c1abffdf671cb2e09ef") \
	row(AUTHENTICATED, "authenticated", "054833c3af124a94a30f7cbc26179014") \
	row(NOT_AUTHENTICATED, "not-authenticated", "0cf674de53004d819e11ad7128ccc713") \
	row(DOT1X, "dot1x", "7d4b28831b4d4ccfa05a1f81fad86800") \
	row(BRINGUP, "bringup", "479b08eb95414dada385ed0c37e59fe7") \
	row(UNIT_FAILED, "unit-failed", "bbb2759255314b918c06f2583540c3c8") \
	row(TRACE, "trace", "80459d784fd34a559f289a63e4fc98f2") \
	row(DEBUG_LOG_LOST, "debug-log-lost", "9212aaef2f0e43ecbc6ceb3da4a42646") \
	row(DEBUG_LOG_BACK, "debug-log-back", "f915d3c87a484e668a76afa2b9fd376c") \
	row(USAGE, "usage", "b31c8471996340989d57183dd146b6ed") \
	row(OUTPUT, "output", "f08b6b0b14174997bddbf591925932b6")
/* clang-format on */

#define EVENT_CONSTANT(constant, name, id) EVENT_##constant,
enum event { EVENT_ROWS(EVENT_CONSTANT) N_EVENTS };

/* "wan-down" */
const char *event_name(enum event event);
/* 32 hexadecimal digits. */
const char *event_id(enum event event);
