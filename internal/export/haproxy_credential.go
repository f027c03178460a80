package export

import (
	"regexp"
	"strings"
)

// The credential rules, place by place, with variables that live as long as the request:
// a: what Authorization is (none, key, token, other), bare: its value without the scheme;
// key, token: the first of each in the key slot; place: where that token stands;
// v, kind: the value that is being looked at. docs/credentials.md has the table.

const (
	haBearer = `^bearer[[:blank:]]+(bearer[[:blank:]]+)?`
	haUnwrap = `regsub("` + haBearer + `","",i)`
	haThrice = `'^bearer[[:blank:]]+bearer[[:blank:]]+bearer([[:blank:]]|$)'`
	haParts  = `'^[^.]*[.][^.]*[.][^.]*([.][^.]*[.][^.]*)?$'`
	haAlg    = `'var(txn.v),field(1,.),ub64dec,json_query("$.alg")'`
	oddMsg   = "A credential holds characters that none can hold, or is too long."
)

func (h *haproxy) several(condition string) { h.answer(400, severalKeys, condition) }
func (h *haproxy) odd(condition string)     { h.answer(400, oddMsg, condition) }

func (h *haproxy) rejects() bool { return h.route.Credential.OnConflict == "reject" }

func (h *haproxy) credentialRules() {
	h.gap()
	h.note("Authorization: what kind of value stands there.")
	h.neighbours()
	h.several("if { req.fhdr_cnt(authorization) gt 1 }")
	h.odd("if { req.fhdr(authorization) -m reg '[^[:print:][:blank:]]' } or { req.fhdr(authorization) -m len 16385: }")
	h.do("set-var(txn.a) str(none)")
	h.do("set-var(txn.a) str(other) if { req.fhdr(authorization) -m len 1: }")
	bearer := "{ req.fhdr(authorization) -m reg -i '^bearer([[:blank:]]|$)' }"
	h.do("set-var(txn.v) %s", sq("req.fhdr(authorization),"+haUnwrap))
	h.look("authorization", bearer)
	h.do("set-var(txn.a) str(none) if { var(txn.kind) -m str none }")
	h.do("set-var(txn.a) var(txn.kind) if %s", bearer)
	h.do("set-var(txn.bare) var(txn.v) if %s", bearer)
	h.do("set-var(txn.doubled) bool(true) if { req.fhdr(authorization) -m reg -i '^bearer[[:blank:]]+bearer[[:blank:]]' }")
	for i, p := range h.slots {
		h.gap()
		h.note("Place %d of a key: %s.", i+1, p.title())
		h.readPlace(i+1, p)
	}
	h.gap()
	h.choose()
	h.who()
	h.limits()
	if h.replaced() {
		h.dropAll()
	} else {
		h.write()
	}
	h.ownCredential()
}

// neighbours are fields that some servers read as one of the key slot.
func (h *haproxy) neighbours() {
	names := append([]string{"Authorization"}, h.keyFields()...)
	for _, name := range names {
		if !strings.Contains(name, "-") {
			continue
		}
		lower := strings.ToLower(name)
		alike := strings.ReplaceAll(regexp.QuoteMeta(lower), "-", "[^a-z0-9]")
		h.do("del-header %s -m reg", sq("^(?!"+regexp.QuoteMeta(lower)+"$)"+alike+"$"))
	}
}

// look sets kind to what the value in v is: none, key or token. Commas and blanks are
// judged where the condition holds.
func (h *haproxy) look(field, condition string) {
	h.do("set-var(txn.kind) str(key)")
	none := "{ var(txn.v) -m len 0 } or { var(txn.v) -m str -i bearer }"
	if words := h.route.Credential.Placeholders; len(words) > 0 {
		none += " or { var(txn.v) -m str -i"
		for _, word := range words {
			none += " " + sq(word)
		}
		none += " }"
	}
	h.do("set-var(txn.kind) str(none) if %s", none)
	h.do("unset-var(txn.alg)")
	h.do("set-var(txn.alg) %s", haAlg)
	h.do("set-var(txn.kind) str(token) if { var(txn.v) -m reg %s } { var(txn.alg) -m reg '^[A-Za-z]' } !{ var(txn.v) -m reg '[[:blank:]]' }", haParts)
	h.several("if { var(txn.v) -m sub , } " + condition)
	if field != "" {
		h.odd("if { req.fhdr(" + field + ") -m reg -i " + haThrice + " }")
		h.odd("if { req.fhdr(" + field + ") -m reg -i '^bearer[[:blank:]]' } { var(txn.v) -m reg '[[:blank:]]' }")
	}
}

func (h *haproxy) readPlace(i int, p place) {
	h.do("unset-var(txn.v)")
	field := strings.ToLower(p.name)
	switch {
	case p.query:
		h.readQuery(p.name)
		field = ""
	case p.subprotocol:
		h.readSubprotocol()
		field = ""
	default:
		h.several("if { req.fhdr_cnt(" + field + ") gt 1 }")
		h.odd("if { req.fhdr(" + field + ") -m len 16385: }")
		h.do("set-var(txn.v) %s", sq("req.fhdr("+field+"),"+haUnwrap))
	}
	h.odd("if { var(txn.v) -m reg '[^[:print:]]' }")
	h.look(field, "")
	h.do("set-var(txn.kind) str(none) unless { var(txn.v) -m found }")
	if h.rejects() {
		for _, kind := range []string{"key", "token"} {
			h.several("if { var(txn.kind) -m str " + kind + " } { var(txn." + kind + ") -m found } !{ var(txn.v),strcmp(txn." + kind + ") eq 0 }")
		}
	}
	if p.subprotocol {
		h.do("set-var(txn.late) var(txn.v) if { var(txn.kind) -m str key }")
	} else {
		h.do("set-var(txn.key) var(txn.v) if { var(txn.kind) -m str key } !{ var(txn.key) -m found }")
	}
	h.do("set-var(txn.place) int(%d) if { var(txn.kind) -m str token } !{ var(txn.token) -m found }", i)
	h.do("set-var(txn.token) var(txn.v) if { var(txn.kind) -m str token } !{ var(txn.token) -m found }")
}

func (h *haproxy) readQuery(name string) {
	plain := regexp.QuoteMeta(name)
	has := "{ query -m reg -i " + sq("(^|&)"+plain+"(=|&|$)") + " }"
	h.several("if { query -m reg -i " + sq("(^|&)"+plain+"(=[^&]*)?(&.*)?&"+plain+"(=|&|$)") + " }")
	h.do(`set-var(txn.v) %s if %s`, sq(`query,regsub("^(.*&)?`+plain+`(=([^&]*))?(&.*)?$","\\3",i),regsub("^bearer[+]","bearer%20",i),url_dec,regsub("^ +",""),regsub(" +$",""),`+haUnwrap), has)
	h.odd("if " + has + " !{ var(txn.v) -m found }")
	h.odd("if { query -m reg -i " + sq("(^|&)"+plain+"=bearer([+]|%20)+(bearer(%20)+)?[^&]*(%20|%09)[^&]") + " }")
	h.do("set-query %s if %s", sq(`%[query,regsub("^`+plain+`(=[^&]*)?(&|$)","",i),regsub("&`+plain+`(=[^&]*)?(&|$)","\\2",i)]`), has)
	h.do("set-pathq %%[path] if !{ query -m len 1: }")
}

const haMember = `openai-insecure-api-key[.]`

func (h *haproxy) readSubprotocol() {
	const field = "req.fhdr(sec-websocket-protocol)"
	has := "{ " + field + " -m reg -i '(^|,)[[:blank:]]*" + haMember + "' }"
	h.several("if { " + field + " -m reg -i '(^|,)[[:blank:]]*" + haMember + ".*,[[:blank:]]*" + haMember + "' }")
	h.do("set-var(txn.v) %s if %s", sq(field+`,regsub("^(.*,)?[[:blank:]]*`+haMember+`([^,]*).*$","\\2",i),regsub("[[:blank:]]+$","")`), has)
	h.do("set-header Sec-WebSocket-Protocol %s if %s", sq(`%[`+field+`,regsub("(^|,)[[:blank:]]*`+haMember+`[^,]*","",i),regsub("^,[[:blank:]]*","")]`), has)
	h.do("del-header Sec-WebSocket-Protocol if { %s -m len 0 }", field)
}

// choose sets what is sent: send, the key; hold, where a token stays.
func (h *haproxy) choose() {
	h.note("What wins: of each kind the first one. A key in the subprotocol loses to all others.")
	if h.rejects() {
		h.several("if { var(txn.a) -m str key } { var(txn.key) -m found } !{ var(txn.bare),strcmp(txn.key) eq 0 }")
		h.several("if { var(txn.a) -m str key } { var(txn.late) -m found } !{ var(txn.bare),strcmp(txn.late) eq 0 }")
		h.several("if { var(txn.a) -m str token } { var(txn.token) -m found } !{ var(txn.bare),strcmp(txn.token) eq 0 }")
		h.several("if { var(txn.key) -m found } { var(txn.late) -m found } !{ var(txn.key),strcmp(txn.late) eq 0 }")
	}
	h.do("set-var(txn.slot) var(txn.key) if { var(txn.key) -m found }")
	h.do("set-var(txn.slot) var(txn.late) if !{ var(txn.key) -m found } { var(txn.late) -m found } !{ var(txn.a) -m str key }")
	h.do("set-var(txn.send) var(txn.slot) if { var(txn.slot) -m found }")
	h.do("set-var(txn.send) var(txn.bare) if { var(txn.a) -m str key } !{ var(txn.slot) -m found }")
	holders := "{ var(txn.a) -m str other }"
	if h.shared() {
		holders += " or { var(txn.send) -m found }"
	}
	if h.keepsMisplaced() {
		holders += " or { var(txn.a) -m str none }"
	}
	h.do("set-var(txn.hold) var(txn.place) if %s", holders)
	if h.rejects() {
		h.oneField()
	}
	if h.route.Credential.OnMissing == "reject" {
		h.answer(401, noCredential,
			"if { var(txn.a) -m str none } !{ var(txn.send) -m found } !{ var(txn.token) -m found }")
	}
}

// oneField refuses two credentials that would have to share one field.
func (h *haproxy) oneField() {
	late := itoa(h.firstLate())
	if h.shared() {
		h.several("if { var(txn.a) -m str other token } { var(txn.slot) -m found }")
		h.several("if { var(txn.hold) -m int ge " + late + " } { var(txn.send) -m found } or { var(txn.hold) -m int ge " + late + " } { var(txn.a) -m str other }")
		return
	}
	h.several("if { var(txn.hold) -m int 1 } { var(txn.send) -m found } or { var(txn.hold) -m int ge " + late + " } { var(txn.send) -m found }")
}

// formatted is a value as the target field has it.
func (h *haproxy) formatted(variable string) string {
	prefix, suffix := h.around()
	escape := strings.NewReplacer("%", "%%").Replace
	return sq(escape(prefix) + "%[var(" + variable + ")]" + escape(suffix))
}

const isHeld = "{ var(txn.hold) -m found }"

// write puts each credential where the upstream looks for it.
func (h *haproxy) write() {
	h.note("Each goes where the upstream looks for it.")
	late := "{ var(txn.hold) -m int ge " + itoa(h.firstLate()) + " }"
	if h.shared() {
		h.do("set-header Authorization %s if { var(txn.send) -m found }", h.formatted("txn.send"))
		h.do("set-header Authorization %s if !{ var(txn.send) -m found } { var(txn.a) -m str none } %s", h.formatted("txn.token"), late)
	} else {
		target := h.slots[0].name
		h.do("del-header %s unless { var(txn.hold) -m int 1 }", target)
		h.do("set-header %s %s if { var(txn.send) -m found } !{ var(txn.hold) -m int 1 }", target, h.formatted("txn.send"))
		h.do("set-header %s %s if !{ var(txn.send) -m found } %s", target, h.formatted("txn.token"), late)
	}
	for i, p := range h.slots {
		if !p.query && !p.subprotocol && (i > 0 || h.shared()) {
			h.do("del-header %s unless { var(txn.hold) -m int %d }", p.name, i+1)
		}
	}
	h.authorization()
}

func (h *haproxy) authorization() {
	free := ""
	if h.shared() {
		free = "!{ var(txn.send) -m found } "
	}
	h.do(`set-header Authorization 'Bearer %%[var(txn.bare)]' if %s{ var(txn.doubled) -m found } { var(txn.a) -m str key token }`, free)
	kept := ""
	if h.route.Credential.KeepAuthorization {
		h.do("set-var(txn.both) bool(true) if { var(txn.a) -m str key } !{ var(txn.slot) -m found }")
		h.do("set-var(txn.both) bool(true) if { var(txn.a) -m str key } { var(txn.bare),strcmp(txn.slot) eq 0 }")
		kept = " !{ var(txn.both) -m found }"
	}
	if !h.shared() {
		h.do("del-header Authorization if { var(txn.a) -m str key }%s", kept)
		h.do("set-header Authorization 'Bearer %%[var(txn.token)]' if { var(txn.a) -m str key } { var(txn.token) -m found }")
	}
	held := ""
	if h.shared() {
		held = " !{ var(txn.hold) -m int ge " + itoa(h.firstLate()) + " }"
	}
	h.do("del-header Authorization if %s{ var(txn.a) -m str none }%s", free, held)
	h.do("set-header Authorization 'Bearer %%[var(txn.token)]' if %s{ var(txn.a) -m str none } { var(txn.token) -m found } !%s", free, isHeld)
}

func (h *haproxy) dropAll() {
	h.note("The caller's credentials end here.")
	h.do("del-header Authorization")
	for _, p := range h.slots {
		if !p.query && !p.subprotocol {
			h.do("del-header %s", p.name)
		}
	}
}

// ownCredential leaves a place for the credential that the edge itself shows.
func (h *haproxy) ownCredential() {
	auth := h.up.Auth
	if auth.Value == "" {
		return
	}
	name := h.environment("auth.value", auth.Value)
	h.note("FILL IN: the variable %s of HAProxy's environment holds the credential.", name)
	h.do("set-header %s %s", auth.Header, sq(h.ownScheme()+"%[env("+name+")]"))
	h.fillCredential(name, "a variable of HAProxy's environment, read at its start")
}
