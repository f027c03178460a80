package head

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// A hostile head is one that costs much for its size: what is made for n bytes
// has about n. Each has been worse than linear, or is the neighbour of one that
// was, or makes a loop turn as often as it can.
type hostile struct {
	name string
	make func(n int) string
}

// hostileRequests are the heads of clients.
var hostileRequests = []hostile{
	{"one long value", func(n int) string { return get("/", "Cookie: "+strings.Repeat("c", n)) }},
	{"Connection of commas before many fields", func(n int) string { return get("/", "Connection: a"+strings.Repeat(",", n), times(490, "X: 1")) }},
	{"Connection names before many fields", func(n int) string { return get("/", "Connection: "+strings.Repeat("a,", n/2), times(490, "X: 1")) }},
	{"Connection names of one length", func(n int) string {
		return get("/", "Connection: "+list(30, n/480), times(450, strings.Repeat("n", n/480)+": 1"))
	}},
	{"Connection lines", func(n int) string { return get("/", fill(n, "Connection: a,,", ",", 490)) }},
	{"Connection: close without end", func(n int) string { return get("/", "Connection: "+strings.Repeat("close,", n/6)) }},
	{"a query of equal signs", func(n int) string { return get("/?" + strings.Repeat("a=", n/2)) }},
	{"a query of equal signs behind escapes", func(n int) string { return get("/?" + strings.Repeat("%61=", n/4)) }},
	{"a query of separators", func(n int) string { return get("/?" + strings.Repeat("a=;?&", n/5)) }},
	{"a query of ampersands", func(n int) string { return get("/?" + strings.Repeat("&", n)) }},
	{"a query of escaped separators", func(n int) string { return get("/?" + strings.Repeat("%26a%3d", n/7)) }},
	{"a query of one long name", func(n int) string { return get("/?" + strings.Repeat("%6b", n/3) + "=") }},
	{"a query of many keys", func(n int) string { return get("/?" + strings.Repeat("subscription-key=a&", n/19)) }},
	{"a query of one long key", func(n int) string { return get("/?subscription-key=" + strings.Repeat("%61", n/3)) }},
	{"a path of slashes", func(n int) string { return get("/" + strings.Repeat("a/", n/2)) }},
	{"a path of escapes", func(n int) string { return get("/" + strings.Repeat("%41", n/3)) }},
	{"a path of dots", func(n int) string { return get("/a" + strings.Repeat(".", n)) }},
	{"a path of backslashes", func(n int) string { return get("/" + strings.Repeat("a\\", n/2)) }},
	{"an absolute target", func(n int) string { return get("http://" + strings.Repeat("h", n) + "/") }},
	{"a long host", func(n int) string { return "GET / HTTP/1.1\r\nHost: " + strings.Repeat("a.", n/2) + "\r\n\r\n" }},
	{"a long address as host", func(n int) string { return "GET / HTTP/1.1\r\nHost: [" + strings.Repeat("1:", n/2) + "]\r\n\r\n" }},
	{"a long method", func(n int) string { return strings.Repeat("M", n) + " / HTTP/1.1\r\nHost: edge\r\n\r\n" }},
	{"a preflight with many lists", func(n int) string { return preflight(fill(n, "Access-Control-Request-Headers: a", ",a", 480)) }},
	{"a preflight with one long list", func(n int) string {
		return preflight("Access-Control-Request-Headers: " + strings.Repeat("a,", n/2))
	}},
	{"a preflight with a list of commas", func(n int) string {
		return preflight("Access-Control-Request-Headers: " + strings.Repeat(",", n))
	}},
	{"a preflight with a long method", func(n int) string {
		return "OPTIONS / HTTP/1.1\r\nHost: edge\r\nOrigin: " + pageOrigin + "\r\nAccess-Control-Request-Method: " + strings.Repeat("m", n) + "\r\n\r\n"
	}},
	{"a long origin", func(n int) string { return get("/", "Origin: https://"+strings.Repeat("a.", n/2)) }},
	{"many lists in a request that is no preflight", func(n int) string { return get("/", fill(n, "Access-Control-Request-Headers: a", ",a", 480)) }},
	{"a Trailer of many names", func(n int) string {
		return get("/", "Transfer-Encoding: chunked", "Trailer: a"+strings.Repeat(",a", n/2))
	}},
	{"Trailer lines", func(n int) string { return get("/", "Transfer-Encoding: chunked", fill(n, "Trailer: a", ",a", 480)) }},
	{"many fields for the second parser", func(n int) string {
		return "GET / HTTP/1.0\r\nConnection: keep-alive\r\n" + fill(n, "Cookie: a", "=a;", 480) + "\r\n\r\n"
	}},
	{"tabs", func(n int) string { return get("/", "X: a"+strings.Repeat("\ta", n/2)) }},
	{"spaces around nothing", func(n int) string { return get("/", "X: "+strings.Repeat(" ", n)) }},
	{"bytes beyond ASCII", func(n int) string { return get("/", "X: "+strings.Repeat("\xff\t", n/2)) }},
	{"a long name", func(n int) string { return get("/", strings.Repeat("x", n)+": 1") }},
	{"long names of the edge", func(n int) string { return get("/", fill(n, "X-Apim-Edge-: a", "a", 480)) }},
	{"a User-Agent that almost tells the family", func(n int) string { return get("/", "User-Agent: "+strings.Repeat("OpenAI", n/6)) }},
	{"a User-Agent of one letter", func(n int) string { return get("/", "User-Agent: "+strings.Repeat("l", n)) }},
	{"what proxies have said", func(n int) string { return get("/", fill(n, "X-Forwarded-For: a", ",a", 480)) }},
	{"the last word of many proxies", func(n int) string { return get("/", fill(n, "X-Forwarded-Proto: h", "h", 480)) }},
	{"elements of Forwarded", func(n int) string { return get("/", fill(n, "Forwarded: for=a", ",for=a", 480)) }},
	{"a token whose header is an object of numbers", func(n int) string { return get("/", slots(n, `{"a":1`, `,"a":1`, `}`)) }},
	{"a token whose header is nested", func(n int) string { return get("/", slots(n, `{"a":[`, `[`, ``)) }},
	{"a token whose header is strings", func(n int) string { return get("/", slots(n, `{"a":""`, `,"a":""`, `}`)) }},
	{"a token whose header is spaces", func(n int) string { return get("/", slots(n, `{`, ` `, `}`)) }},
	{"a key of Bearers", func(n int) string { return get("/", "Authorization: "+strings.Repeat("Bearer ", n/7)) }},
	{"a key of dots", func(n int) string {
		return get("/", "api-key: "+strings.Repeat(".", min(n, 16<<10)), "X: "+strings.Repeat("x", n))
	}},
	{"subprotocols", func(n int) string {
		return get("/", "Connection: upgrade", "Upgrade: websocket", "Sec-WebSocket-Protocol: a"+strings.Repeat(",a", n/2))
	}},
	{"subprotocols that are keys", func(n int) string {
		return get("/", "Connection: upgrade", "Upgrade: websocket", "Sec-WebSocket-Protocol: a"+strings.Repeat(",openai-insecure-api-key.a", n/26))
	}},
	{"underscores", func(n int) string { return get("/", fill(n, "X_Forwarded_For: a", "_", 480)) }},
}

// hostileResponses are the heads of upstreams.
var hostileResponses = []hostile{
	{"one long value", func(n int) string { return ok("Set-Cookie: " + strings.Repeat("c", n)) }},
	{"Connection of commas before many fields", func(n int) string { return ok("Connection: a"+strings.Repeat(",", n), times(490, "X: 1")) }},
	{"Connection names before many fields", func(n int) string { return ok("Connection: "+strings.Repeat("a,", n/2), times(490, "X: 1")) }},
	{"Connection names of one length", func(n int) string {
		return ok("Connection: "+list(30, n/480), times(450, strings.Repeat("n", n/480)+": 1"))
	}},
	{"Vary of many names", func(n int) string { return ok("Vary: " + list(n/7, 5)) }},
	{"Vary of one name without end", func(n int) string { return ok("Vary: " + strings.Repeat("a,", n/2)) }},
	{"Vary of long names and then one without end", func(n int) string {
		return ok("Vary: " + list(60, n/120) + strings.Repeat(",a", n/4))
	}},
	{"Vary of commas", func(n int) string { return ok("Vary: " + strings.Repeat(",", n)) }},
	{"Vary lines", func(n int) string { return ok(fill(n, "Vary: a", ",a", 490)) }},
	{"a family of long names", func(n int) string { return ok(family490(n)) }},
	{"one name of a family", func(n int) string { return ok(times(490, "openai-"+strings.Repeat("a", n/490)+": 1")) }},
	{"CORS fields", func(n int) string { return ok(fill(n, "Access-Control-Allow-Origin: *", "a", 490)) }},
	{"cookies", func(n int) string { return ok(fill(n, "Set-Cookie: a", "a", 490)) }},
	{"a long reason", func(n int) string { return "HTTP/1.1 200 " + strings.Repeat("O", n) + "\r\n\r\n" }},
	{"Trailer of many names", func(n int) string { return ok("Transfer-Encoding: chunked", "Trailer: a"+strings.Repeat(",a", n/2)) }},
	{"Keep-Alive of many members", func(n int) string { return ok("Keep-Alive: a" + strings.Repeat(",a=b", n/4)) }},
	{"an interim head", func(n int) string {
		return "HTTP/1.1 103 Early Hints\r\n" + fill(n, "Link: </a>", ",</a>", 490) + "\r\n\r\n"
	}},
	{"WWW-Authenticate of many schemes", func(n int) string { return ok("WWW-Authenticate: Basic" + strings.Repeat(",a", n/2)) }},
}

func get(target string, lines ...string) string {
	return "GET " + target + " HTTP/1.1\r\nHost: edge\r\n" + strings.Join(append(lines, "\r\n"), "\r\n")
}

func preflight(lines string) string {
	return "OPTIONS / HTTP/1.1\r\nHost: edge\r\nOrigin: " + pageOrigin + "\r\nAccess-Control-Request-Method: POST\r\n" + lines + "\r\n\r\n"
}

func ok(lines ...string) string {
	return "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + strings.Join(append(lines, "\r\n"), "\r\n")
}

// times returns count lines.
func times(count int, line string) string {
	return strings.TrimSuffix(strings.Repeat(line+"\r\n", count), "\r\n")
}

// fill returns count lines of n bytes in all, which begin with start.
func fill(n int, start, more string, count int) string {
	room := max(n/count-len(start)-2, 0)
	return times(count, start+strings.Repeat(more, room/len(more)))
}

// list returns count members of a list, different in their last letters, of
// length bytes each.
func list(count, length int) string {
	var b strings.Builder
	for i := range count {
		if i > 0 {
			b.WriteByte(',')
		}
		end := fmt.Sprintf("%x", i)
		b.WriteString(strings.Repeat("n", max(length-len(end), 0)) + end)
	}
	return b.String()
}

func family490(n int) string {
	var b strings.Builder
	for i := range 490 {
		fmt.Fprintf(&b, "openai-%s%d: 1\r\n", strings.Repeat("a", n/490), i)
	}
	return strings.TrimSuffix(b.String(), "\r\n")
}

// slots returns the places of the key slot, each with what looks like a token
// with a header of some 12 KB: start, more as often as it fits, and end.
func slots(n int, start, more, end string) string {
	const most = 12 << 10
	header := start + strings.Repeat(more, min(most, n/2)/len(more)) + end
	token := base64.RawURLEncoding.EncodeToString([]byte(header)) + ".e30.c2ln"
	lines := []string{"Authorization: Bearer " + token}
	for _, name := range []string{"api-key", "Ocp-Apim-Subscription-Key"} {
		lines = append(lines, name+": "+token)
	}
	return strings.Join(append(lines, "X: "+strings.Repeat("x", max(n-3*len(token), 0))), "\r\n")
}
