package export

import (
	"regexp"
	"strings"
)

// The credential rules as maps. Each place of the key slot becomes a text such as key1=VALUE
// or token2=VALUE, and they are joined by commas, which no value can hold; the first key
// and the first token are then found by one expression each. docs/credentials.md has the
// table that they follow.

const (
	blank = `[[:blank:]]`
	// bearer is the scheme and what may stand between it and its value; bearers also once
	// more, without giving it back.
	bearer  = `(?i:bearer)` + blank + `+`
	bearers = bearer + `(?:` + bearer + `)?+`
	// bearerAlone is the scheme with nothing behind it.
	bearerAlone = `^(?i:bearer(?:` + blank + `+bearer)?)$`
	tooLong     = `^.{16385}`
	forbidden   = `[^[:blank:]!-~]`
	queryBearer = `(?:(?i:bearer)(?:[+]|%20)+)?+`
	// oddPath is a segment that is . or .. to somebody.
	oddPath   = `^[^?]*(?i:/|%2f|%5c|[\x5c])(?i:[.]|%2e){1,2}(?i:[/;?]|%2f|%5c|[\x5c]|$)`
	ambiguous = "!ambiguous"
	malformed = "!malformed"
)

// plainName reports whether nginx can read a field of this name: others it drops, and
// those with _ as well, unless it is told otherwise.
var plainName = regexp.MustCompile(`^[A-Za-z0-9-]+$`).MatchString

func fieldVariable(name string) string {
	return "$http_" + strings.ToLower(strings.ReplaceAll(name, "-", "_"))
}

// placeholder is an expression for values that count as absent.
func (n *nginx) placeholder() string {
	if len(n.route.Credential.Placeholders) == 0 {
		return `(?!)` // none but the empty value
	}
	return `(?i:` + anyOf(n.route.Credential.Placeholders) + `)`
}

func (n *nginx) credentialMaps() {
	n.note("Authorization: what kind of value stands there, and the value without its scheme.")
	n.table("$http_authorization", "auth",
		`""`, "none",
		re(tooLong), malformed,
		re(forbidden), malformed,
		re(bearerAlone), "none",
		re(`^(?:`+bearers+`)?+`+n.placeholder()+`$`), "none",
		re(`^`+bearer+`.*,`), ambiguous,
		re(`^`+bearer+bearer+`(?i:bearer)(?:`+blank+`|$)`), malformed,
		re(`^`+bearers+token+`$`), "token",
		re(`^`+bearers+`[^[:blank:]]+$`), "key",
		re(`^`+bearer), malformed,
		"default", "other")
	n.table("$http_authorization", "bare",
		re(`^`+bearers+n.capture("value")+`[^[:blank:]]+)$`), n.v("value"),
		"default", `""`)
	n.table("$http_authorization", "line",
		re(`^`+bearer+bearer), q("Bearer "+n.v("bare")),
		"default", "$http_authorization")
	n.gap()
	n.note("The places in which a key may come, in their order. The subprotocol is the last.")
	for i, s := range n.slots {
		if s.query {
			n.queryMap(i+1, s.name)
		} else {
			n.fieldMap(i+1, s.name)
		}
	}
	n.subprotocolMap()
	n.decide()
	n.queryWithoutKeys()
}

func (n *nginx) fieldMap(i int, field string) {
	name := "slot" + itoa(i)
	capture, value := n.capture("value"), n.v("value")
	n.table(fieldVariable(field), name,
		`""`, `""`,
		re(tooLong), malformed,
		re(bearerAlone), `""`,
		re(`^(?:`+bearers+`)?+`+n.placeholder()+`$`), `""`,
		re(forbidden), malformed,
		re(`,`), ambiguous,
		re(`^`+bearer+bearer+`(?i:bearer)(?:`+blank+`|$)`), malformed,
		re(`^(?:`+bearers+`)?+`+capture+token+`)$`), q("token"+itoa(i)+"="+value),
		re(`^`+bearers+capture+`[^[:blank:]]+)$`), q("key"+itoa(i)+"="+value),
		re(`^`+bearer), malformed,
		re(`[^ -~]`), malformed,
		re(`^`+capture+`.+)$`), q("key"+itoa(i)+"="+value))
}

func (n *nginx) queryMap(i int, parameter string) {
	name := "slot" + itoa(i)
	capture, value := n.capture("value"), n.v("value")
	plain := `(?i:` + regexp.QuoteMeta(parameter) + `)`
	at := `(?:^|&)` + plain
	n.table("$args", name,
		re(at+`(?:=[^&]*)?(?:&.*)?&`+plain+`(?:[=&]|$)`), ambiguous,
		re(at+`(?:=(?:%20)*)?(?:&|$)`), `""`,
		re(at+`=`+queryBearer+n.placeholder()+`(?:&|$)`), `""`,
		re(at+`=[^&]*(?:,|%2[Cc])`), ambiguous,
		re(at+`=[^&]{16385}`), malformed,
		re(at+`=`+queryBearer+capture+token+`)(?:&|$)`), q("token"+itoa(i)+"="+value),
		re(at+`=`+queryBearer+capture+`[!-$'-~]+)(?:&|$)`), q("key"+itoa(i)+"="+value),
		re(at+`(?:[=&]|$)`), malformed,
		"default", `""`)
}

func (n *nginx) subprotocolMap() {
	i := itoa(len(n.slots) + 1)
	const member = `(?i:openai-insecure-api-key[.])`
	capture, value := n.capture("value"), n.v("value")
	at := `(?:^|,)` + blank + `*` + member
	end := blank + `*(?:,|$)`
	n.table("$http_sec_websocket_protocol", "subprotocol",
		re(at+`.*,`+blank+`*`+member), ambiguous,
		re(at+`(?:`+bearers+`)?+(?:`+n.placeholder()+`)?`+end), `""`,
		re(at+`(?:`+bearers+`)?+`+capture+token+`)`+end), q("token"+i+"="+value),
		re(at+`(?:`+bearers+`)?+`+capture+`[^, [:blank:]]+)`+end), q("key"+i+"="+value),
		re(at), malformed,
		"default", `""`)
	before, behind := n.capture("before"), n.capture("behind")
	n.table("$http_sec_websocket_protocol", "protocols",
		re(`^`+blank+`*`+member+`[^,]*(?:,`+blank+`*`+behind+`.*))?$`), n.v("behind"),
		re(`^`+before+`.*),`+blank+`*`+member+`[^,]*`+behind+`,.*)?$`), q(n.v("before")+n.v("behind")),
		"default", "$http_sec_websocket_protocol")
}

// all is the whole key slot in one text.
func (n *nginx) all() string {
	var slots []string
	for i := range n.slots {
		slots = append(slots, n.v("slot"+itoa(i+1)))
	}
	return strings.Join(slots, ",")
}

func (n *nginx) decide() {
	n.gap()
	n.note("What wins: of each kind the first one.")
	value := n.capture("value")
	all, sub := n.all(), n.v("subprotocol")
	n.table(q(all), "slot_key", re(`(?:^|,)key[0-9]+=`+value+`[^,]*)`), n.v("value"), "default", `""`)
	n.table(sub, "subprotocol_key", re(`^key[0-9]+=`+value+`.*)$`), n.v("value"), "default", `""`)
	n.table(n.v("auth"), "other_key", "key", n.v("bare"), "default", n.v("subprotocol_key"))
	n.table(n.v("slot_key"), "key", `""`, n.v("other_key"), "default", n.v("slot_key"))
	n.table(q(all+","+sub), "slot_token", re(`(?:^|,)token[0-9]+=`+value+`[^,]*)`), n.v("value"), "default", `""`)
	n.table(q(all+","+sub), "token_place", re(`(?:^|,)token`+value+`[0-9]+)=`), n.v("value"), "default", `""`)
	n.holds()
	n.conflicts()
	prefix, suffix := n.around()
	n.table(n.v("key"), "keyed", `""`, `""`, "default", q(prefix+"$"+"{"+n.v("key")[1:]+"}"+suffix))
	if n.shared() {
		n.sharedFields(prefix, suffix)
		return
	}
	n.apartFields(prefix, suffix)
}

// holds says where a token in the key slot stays where it is.
func (n *nginx) holds() {
	none := `""`
	if n.keepsMisplaced() {
		none = "keep"
	}
	if n.shared() {
		n.table(q(n.v("auth")+","+n.v("key")), "hold", re(`^(?:key|other),`), "keep", re(`,.`), "keep", "none,", none, "default", `""`)
		return
	}
	n.table(n.v("auth"), "hold", "other", "keep", "none", none, "default", `""`)
}

// late is an expression for the places from the query on.
func (n *nginx) late() string {
	var places []string
	for i := n.firstLate(); i <= len(n.slots)+1; i++ {
		places = append(places, itoa(i))
	}
	return `(?:` + strings.Join(places, "|") + `)`
}

func (n *nginx) conflicts() {
	all, sub := n.all(), n.v("subprotocol")
	broken := `(?:^|,)!`
	rows := []string{re(broken + `ambiguous`), "ambiguous", re(broken + `malformed`), "malformed"}
	if n.route.Credential.OnConflict == "reject" {
		const other = `(?!\1(?:,|$))`
		n.table(q(all+","+sub), "twice",
			re(`(?:^|,)key[0-9]+=([^,]*),(?:.*,)?key[0-9]+=`+other), ambiguous,
			re(`(?:^|,)token[0-9]+=([^,]*),(?:.*,)?token[0-9]+=`+other), ambiguous, "default", `""`)
		n.table(q(n.v("auth")+" "+n.v("bare")+","+all+","+sub), "other",
			re(`^key ([^,]*),(?:.*,)?key[0-9]+=`+other), ambiguous,
			re(`^token ([^,]*),(?:.*,)?token[0-9]+=`+other), ambiguous, "default", `""`)
		rows = append(rows, re(`^[^,]*,`+ambiguous), "ambiguous")
		n.oneField()
		all += "," + n.v("twice") + "," + n.v("other") + "," + n.v("one_field")
	}
	if n.route.Credential.OnMissing == "reject" {
		n.table(q(n.v("auth")+","+n.v("key")+","+n.v("slot_token")), "missing", q("none,,"), "!missing", "default", `""`)
		rows = append(rows, re(broken+`missing`), "missing")
		all += "," + n.v("missing")
	}
	rows = append(rows, "default", `""`)
	n.table("$request_uri", "bad_path", re(oddPath), malformed, "default", `""`)
	n.table(q(n.v("auth")+","+all+","+sub+","+n.v("bad_path")), "fault", rows...)
}

// oneField finds two credentials that would have to share one field.
func (n *nginx) oneField() {
	if n.shared() {
		n.table(q(n.v("auth")+","+n.v("slot_key")+n.v("subprotocol_key")+","+n.v("hold")+n.v("token_place")), "one_field",
			re(`^(?:other|token),[^,]+,`), ambiguous,
			re(`^(?:other|key),[^,]*,keep`+n.late()+`$`), ambiguous,
			re(`^none,[^,]+,keep`+n.late()+`$`), ambiguous, "default", `""`)
		return
	}
	n.table(q(n.v("hold")+n.v("token_place")+","+n.v("key")), "one_field",
		re(`^keep(?:1|`+n.late()+`),.`), ambiguous, "default", `""`)
}

// apartFields writes what goes into Authorization, the target field and the aliases, where
// the key has a field of its own.
func (n *nginx) apartFields(prefix, suffix string) {
	kept := `""`
	if n.route.Credential.KeepAuthorization {
		kept = n.v("line")
	}
	n.table(q(n.v("bare")+","+n.v("slot_key")+","+n.v("slot_token")), "with_key",
		re(`^[^,]*,[^,]*,.`), q("Bearer "+n.v("slot_token")),
		re(`^([^,]*),(?:\1)?,$`), kept, "default", `""`)
	n.withoutAuthorization()
	n.table(n.v("auth"), "authorization", "token", n.v("line"), "other", "$http_authorization",
		"key", n.v("with_key"), "none", n.v("without"), "default", `""`)
	state := q(n.v("hold") + n.v("token_place") + "," + n.v("key"))
	n.table(state, "target",
		re(`^keep1,`), fieldVariable(n.slots[0].name),
		re(`^keep`+n.late()+`,$`), q(prefix+"${"+n.v("slot_token")[1:]+"}"+suffix),
		"default", n.v("keyed"))
	n.aliases(2)
}

func (n *nginx) withoutAuthorization() {
	moved := q("Bearer " + n.v("slot_token"))
	if n.keepsMisplaced() {
		moved = `""`
	}
	n.table(n.v("slot_token"), "without", `""`, `""`, "default", moved)
}

// aliases writes which of the fields from place first on hold a token that stays.
func (n *nginx) aliases(first int) {
	for i, s := range n.slots {
		if !s.query && i+1 >= first {
			n.table(q(n.v("hold")+n.v("token_place")), "kept"+itoa(i+1), "keep"+itoa(i+1), fieldVariable(s.name), "default", `""`)
		}
	}
}

// sharedFields does the same where the upstream takes its key in Authorization.
func (n *nginx) sharedFields(prefix, suffix string) {
	n.withoutAuthorization()
	n.table(q(n.v("hold")+n.v("token_place")), "alone",
		re(`^keep`+n.late()+`$`), q(prefix+"${"+n.v("slot_token")[1:]+"}"+suffix), "default", n.v("without"))
	n.table(n.v("auth"), "unkeyed", "token", n.v("line"), "other", "$http_authorization", "none", n.v("alone"), "default", `""`)
	n.table(n.v("key"), "authorization", `""`, n.v("unkeyed"), "default", n.v("keyed"))
	n.aliases(1)
}

// queryWithoutKeys takes the parameters of the key slot out of the query.
func (n *nginx) queryWithoutKeys() {
	n.gap()
	n.note("The URL carries no key onwards.")
	from, step := "$args", 0
	for _, s := range n.slots {
		if !s.query {
			continue
		}
		step++
		name := "args" + itoa(step)
		before, behind := n.capture("before"), n.capture("behind")
		plain := `(?i:` + regexp.QuoteMeta(s.name) + `)(?:=[^&]*)?`
		n.table(from, name,
			re(`^`+plain+`(?:&`+behind+`.*))?$`), n.v("behind"),
			re(`^`+before+`.*)&`+plain+behind+`&.*)?$`), q(n.v("before")+n.v("behind")),
			"default", from)
		from = n.v(name)
	}
	n.table(from, "query", `""`, `""`, "default", q("?"+from))
}
