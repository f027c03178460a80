package curl

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

// spellings are what people paste. {EDGE} is the address of a server, and each is
// run by bash with the real curl.
var spellings = []struct{ name, text string }{
	{"the main case", `curl http://{EDGE}/openai/v1/models -H "Authorization: Bearer 0123abcd"`},
	{"the OpenAI docs", `curl http://{EDGE}/v1/chat/completions \
  -H "Content-Type: application/json" \
  -H "Authorization: Bearer $OPENAI_API_KEY" \
  -d '{
    "model": "gpt-4o",
    "messages": [{"role": "user", "content": "It'"'"'s me"}]
  }'`},
	{"the Azure docs", `curl -X POST "http://{EDGE}/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21" \
  -H "Content-Type: application/json" -H "api-key: $AZURE_OPENAI_API_KEY" -d "{\"messages\": []}"`},
	{"a script with comments", `#!/bin/bash
# asks for models
set -e
KEY=0123abcd
curl -sS "http://{EDGE}/v1/models" \
  -H "api-key: ${KEY}" # the key
`},
	{"pipes and redirections", `curl -sN http://{EDGE}/v1/models -H 'api-key: a' 2>/dev/null | cat > /dev/null`},
	{"a here-document", "curl http://{EDGE}/v1/responses --json @- <<'EOF'\n{\"model\": \"$x\"}\nEOF\n"},
	{"a here-document with variables", "KEY=ab\ncurl http://{EDGE}/v1/responses -d @- <<EOF\n{\"user\": \"$KEY\", \"a\": \"\\$b\"}\nEOF\n"},
	{"a here-string", `curl http://{EDGE}/v1/responses --data-binary @- <<<'{}'`},
	{"a file as standard input", `curl http://{EDGE}/v1/responses --data-binary @- <{DIR}/body.json`},
	{"no scheme", `curl {EDGE}/v1/models -H 'api-key: a'`},
	{"a fragment", `curl 'http://{EDGE}/v1/models#top'`},
	{"a fragment behind the host", `curl 'http://{EDGE}#top'`},
	{"a query behind the host", `curl 'http://{EDGE}?a=b'`},
	{"userinfo", `curl http://user:pa%40ss@{EDGE}/v1/models`},
	{"userinfo without a password", `curl http://user@{EDGE}/v1/models`},
	{"userinfo and -u", `curl -u other:one http://user:pass@{EDGE}/v1/models`},
	{"userinfo and a field", `curl -H 'Authorization: Bearer a' http://user:pass@{EDGE}/v1/models`},
	{"dots in the path", `curl http://{EDGE}/a/./b/../c`},
	{"dots at the end of the path", `curl http://{EDGE}/a/b/..`},
	{"dots beyond the root", `curl http://{EDGE}/../../a//b/`},
	{"dots as they are", `curl --path-as-is http://{EDGE}/a/./b/../c`},
	{"escapes in the path", `curl http://{EDGE}/a%2Fb/%7e`},
	{"-XPOST without a space", `curl -XPOST http://{EDGE}/v1/responses`},
	{"-sX POST", `curl -sX POST http://{EDGE}/v1/responses -d a=b`},
	{"-sSfLXPUT", `curl -sSfLXPUT http://{EDGE}/v1/files -d a=b`},
	{"-H without a space", `curl -H'api-key: a' -HX:1 http://{EDGE}/v1/models`},
	{"an option behind the URL", `curl http://{EDGE}/v1/models -G -d a=b -d 'c=d+e'`},
	{"-G with a query", `curl -G 'http://{EDGE}/v1/models?x=y' --data-urlencode 'q=a b&c/ü'`},
	{"--data-urlencode", `curl http://{EDGE}/v1/x --data-urlencode 'a b' --data-urlencode '=c d' --data-urlencode 'n=e f' --data-urlencode n@{DIR}/lines`},
	{"--url-query", `curl --url-query 'a=b c' --url-query '+d+e' http://{EDGE}/v1/models?x=y`},
	{"--url", `curl --url http://{EDGE}/v1/models`},
	{"-I", `curl -I http://{EDGE}/v1/models`},
	{"--get and --head", `curl -I -G -d a=b http://{EDGE}/v1/models`},
	{"-d @file loses line ends", `curl -d @{DIR}/lines http://{EDGE}/v1/x`},
	{"--data-binary @file", `curl --data-binary @{DIR}/lines http://{EDGE}/v1/x`},
	{"--data-raw @", `curl --data-raw @{DIR}/lines http://{EDGE}/v1/x`},
	{"an empty body", `curl -d '' http://{EDGE}/v1/x`},
	{"several bodies", `curl -d a --data b --data-raw c --data-ascii d http://{EDGE}/v1/x`},
	{"--json", `curl --json '{"a":1}' http://{EDGE}/v1/x`},
	{"--json twice", `curl --json '{"a":' --json '1}' http://{EDGE}/v1/x`},
	{"--json with its own fields", `curl --json '{}' -H 'Content-Type: application/x' -H 'Accept: text/plain' http://{EDGE}/v1/x`},
	{"a large body", `curl -d @{DIR}/large http://{EDGE}/v1/x`},
	{"-T", `curl -T {DIR}/lines http://{EDGE}/v1/files/`},
	{"-T from a pipe", `cat {DIR}/lines | curl -T - http://{EDGE}/v1/files`},
	{"chunked by a field", `curl -H 'Transfer-Encoding: chunked' -d a=b http://{EDGE}/v1/x`},
	{"-F", `curl -F a=b -F 'c=d e' http://{EDGE}/v1/files`},
	{"-u", `curl -u user:pass http://{EDGE}/v1/models`},
	{"-u and a field", `curl -u user:pass -H 'Authorization: Bearer a' http://{EDGE}/v1/models`},
	{"--digest", `curl --digest -u user:pass http://{EDGE}/v1/models`},
	{"--anyauth", `curl --anyauth -u user:pass http://{EDGE}/v1/models`},
	{"--oauth2-bearer", `curl --oauth2-bearer 0123abcd http://{EDGE}/v1/models`},
	{"--oauth2-bearer and a field", `curl --oauth2-bearer 0123abcd -H 'authorization: Bearer b' http://{EDGE}/v1/models`},
	{"-A, -e, -b", `curl -A agent/1 -e 'http://page/;auto' -b 'a=b; c=d' http://{EDGE}/v1/models`},
	{"two cookies", `curl -b a=b -b c=d http://{EDGE}/v1/models`},
	{"a cookie twice", `curl -b a=b -H 'Cookie: c=d' http://{EDGE}/v1/models`},
	{"no agent", `curl -A '' http://{EDGE}/v1/models`},
	{"-r", `curl -r 0-9 http://{EDGE}/v1/models`},
	{"--compressed", `curl --compressed http://{EDGE}/v1/models`},
	{"--compressed with its own field", `curl --compressed -H 'accept-encoding: gzip' http://{EDGE}/v1/models`},
	{"--tr-encoding", `curl --tr-encoding http://{EDGE}/v1/models`},
	{"fields taken off", `curl -H Accept: -H 'User-Agent:' -H 'X-Empty;' -H 'X-No-Colon' http://{EDGE}/v1/models`},
	{"its own Host", `curl -H 'Host: edge.example.com' http://{EDGE}/v1/models`},
	{"no Host", `curl -H 'Host:' http://{EDGE}/v1/models`},
	{"its own Content-Length and Content-Type", `curl -H 'Content-Length: 1' -H 'content-type: text/plain' -d a http://{EDGE}/v1/x`},
	{"a field twice", `curl -H 'api-key: a' -H 'api-key: b' http://{EDGE}/v1/models`},
	{"a field with spaces around it", `curl -H 'X-A:   b  ' http://{EDGE}/v1/models`},
	{"fields of a file", `curl -H @{DIR}/fields http://{EDGE}/v1/models`},
	{"--http1.0", `curl --http1.0 http://{EDGE}/v1/models`},
	{"--http2", `curl --http2 http://{EDGE}/v1/models`},
	{"--request-target", `curl -X OPTIONS --request-target '*' http://{EDGE}/`},
	{"$'...'", `curl $'http://{EDGE}/v1/x' -H $'x-a: it\'s' --data-raw $'{"a":"\u00fc\n\x41\101\\"}'`},
	{"a variable with a default", "curl \"http://{EDGE}/${NOWHERE}x\" -H \"a: $EMPTY\""},
	{"two URLs", `curl http://{EDGE}/a http://{EDGE}/b -H 'api-key: c'`},
	{"--next", `curl http://{EDGE}/a -d x --next -H 'b: c' http://{EDGE}/b`},
	{"two commands", "curl http://{EDGE}/a && curl http://{EDGE}/b\ncurl http://{EDGE}/c"},
	{"a command in a loop", `for i in 1; do curl http://{EDGE}/a; done`},
	{"a command in another", `X=$(curl -s http://{EDGE}/a -H "b: c")`},
	{"an & without quotes", `curl http://{EDGE}/a?b=c&d=e; wait`},
	{"options that change nothing", `curl -m 10 --retry 0 -o /dev/null -w '%{http_code}' --connect-timeout 3 -s -k --no-keepalive http://{EDGE}/a`},
	{"behind another program", `env A=b curl http://{EDGE}/a`},
	{"-- in front of the URL", `curl -s -- http://{EDGE}/a`},
	{"copied from Chrome (bash)", `curl 'http://{EDGE}/openai/v1/chat/completions?a=b' \
  -H 'accept: application/json' \
  -H 'accept-language: de-DE,de;q=0.9' \
  -H 'authorization: Bearer 0123abcd' \
  -b 'session=abc; theme=dark' \
  -H 'content-type: application/json' \
  -H 'origin: https://chat.example.com' \
  -H 'referer: https://chat.example.com/' \
  -H 'sec-ch-ua: "Chromium";v="140", "Not=A?Brand";v="24"' \
  -H 'sec-ch-ua-mobile: ?0' \
  -H 'user-agent: Mozilla/5.0 (X11; Linux x86_64)' \
  --data-raw $'{"model":"gpt-4o","messages":[{"role":"user","content":"it\'s \u0021"}]}'`},
	{"copied from Firefox", `curl 'http://{EDGE}/openai/v1/responses' --compressed -X POST -H 'User-Agent: Mozilla/5.0' -H 'Accept: */*' -H 'Accept-Encoding: gzip, deflate, br, zstd' -H 'Authorization: Bearer 0123abcd' -H 'Origin: https://chat.example.com' -H 'Connection: keep-alive' -H 'TE: trailers' --data-raw '{"a":1}'`},
	{"copied from Safari", `curl 'http://{EDGE}/openai/v1/responses' \
-X 'POST' \
-H 'Content-Type: application/json' \
-H 'Accept: */*' \
-H 'Authorization: Bearer 0123abcd' \
-H 'Sec-Fetch-Site: same-site' \
-H 'Accept-Language: de' \
-H 'Content-Length: 7' \
-H 'Priority: u=3, i' \
--data-binary '{"a":1}'`},
}

// TestTheRealCurlSendsWhatIsUnderstood runs each spelling with the real curl
// against a server that shows what comes.
func TestTheRealCurlSendsWhatIsUnderstood(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("there is no curl")
	}
	for _, tc := range spellings {
		t.Run(tc.name, func(t *testing.T) {
			server := listen(t)
			text := strings.NewReplacer("{EDGE}", server.address, "{DIR}", files(t)).Replace(tc.text)
			cmd := exec.CommandContext(t.Context(), "bash", "-c", text)
			cmd.Env = []string{"LC_ALL=C.UTF-8", "PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "EMPTY=", "OPENAI_API_KEY=fromthe-environment", "AZURE_OPENAI_API_KEY=x"}
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("curl: %v\n%s", err, out)
			}
			sent := server.heads()
			understood := heads(t, text)
			if len(sent) != len(understood) {
				t.Fatalf("curl sends %d requests, %d are understood", len(sent), len(understood))
			}
			for i := range sent {
				if got, want := normal(understood[i]), normal(sent[i]); got != want {
					t.Errorf("understood:\n%s\ncurl sends:\n%s", got, want)
				}
			}
		})
	}
}

func heads(t *testing.T, text string) (all []string) {
	t.Helper()
	environ := map[string]string{"EMPTY": "", "NOWHERE": "", "OPENAI_API_KEY": "fromthe-environment", "AZURE_OPENAI_API_KEY": "x"}
	commands, err := Read(text, POSIX, func(name string) (string, bool) { v, ok := environ[name]; return v, ok })
	testkit.Must(t, err)
	for _, c := range commands {
		requests, err := c.Requests()
		testkit.Must(t, err)
		for _, r := range requests {
			all = append(all, string(r.Head(func(name string) string { t.Errorf("%s is not known", name); return "" })))
		}
	}
	return all
}

// normal takes off what depends on the version of curl: its name, the order of the
// fields, what its libraries can decode, the boundary of a form, how it writes
// escapes, and whether it asks before it sends a body. Space around a value belongs
// to nobody (RFC 9110 section 5.5).
func normal(head string) string {
	lines := strings.Split(strings.TrimRight(head, "\r\n"), "\r\n")
	lines = slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(l, "Expect: ") })
	slices.Sort(lines[1:])
	text := strings.Join(lines, "\n")
	text = regexp.MustCompile(`curl/[\d.]+`).ReplaceAllString(text, "curl/*")
	text = regexp.MustCompile(`(?m)^HTTP2-Settings: .*`).ReplaceAllString(text, "HTTP2-Settings: *")
	if strings.Contains(text, "boundary=") {
		text = regexp.MustCompile(`(Content-Length: |boundary=)\S+`).ReplaceAllString(text, "$1*")
	}
	text = regexp.MustCompile(`(?m)^([\w-]+:)[ \t]*(.*?)[ \t]*$`).ReplaceAllString(text, "$1 $2")
	text = regexp.MustCompile(`%[0-9a-f]{2}`).ReplaceAllStringFunc(text, strings.ToUpper)
	return regexp.MustCompile(`(?m)^Accept-Encoding: deflate.*`).ReplaceAllString(text, "Accept-Encoding: *")
}

// files are the files that the spellings name.
func files(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"body.json": `{"a": 1}`, "lines": "a b\r\nc\n", "large": strings.Repeat("0123456789abcdef", 1<<17),
		"fields": "api-key: 0123abcd\r\nX-Other: b\n",
	} {
		testkit.Write(t, filepath.Join(dir, name), text)
	}
	return dir
}

// server answers every request and keeps the heads, byte for byte.
type server struct {
	address  string
	listener net.Listener
	done     chan struct{}
	seen     []string
}

func listen(t *testing.T) *server {
	t.Helper()
	l := testkit.Listen(t)
	s := &server{address: l.Addr().String(), listener: l, done: make(chan struct{})}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		defer close(s.done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.serve(c)
		}
	}()
	return s
}

func (s *server) serve(c net.Conn) {
	defer c.Close() //nolint:errcheck // curl has its answer
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	in := bufio.NewReader(c)
	var head bytes.Buffer
	for !bytes.HasSuffix(head.Bytes(), []byte("\r\n\r\n")) {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		head.Write(line)
	}
	s.seen = append(s.seen, head.String())
	// A request without Host is none to net/http, and curl can send one.
	text := strings.Replace(head.String(), "\r\n", "\r\nHost: x\r\n", 1)
	text = regexp.MustCompile(`(?im)^Host: (?:[^x]|x.).*\r\n`).ReplaceAllString(text, "")
	request, err := http.ReadRequest(bufio.NewReader(io.MultiReader(strings.NewReader(text), in)))
	if err != nil {
		return
	}
	if request.Header.Get("Expect") != "" {
		_, _ = io.WriteString(c, "HTTP/1.1 100 Continue\r\n\r\n")
	}
	_, _ = io.Copy(io.Discard, request.Body)
	_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
}

func (s *server) heads() []string {
	_ = s.listener.Close()
	<-s.done
	return s.seen
}
