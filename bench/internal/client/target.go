// Package client is the bench's load: raw connections, prepared requests, no
// HTTP library. It reads just enough HTTP/1.1 to know where a message ends, and
// it takes the time at every read, because what a proxy does to the pace of
// bytes is what the bench wants to see.
package client

import (
	"bytes"
	"cmp"
	"crypto/tls"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"
)

// Target is where load goes: a proxy under test, or the mock upstream itself.
type Target struct {
	Address string
	TLS     *tls.Config // nil: plain
	// Credential is the field line with which the client shows its key: as
	// Authorization to something that rewrites, as api-key on the direct path.
	Credential string
	Path       string // empty: DefaultPath
	// Within runs what opens a connection in the network that Address is of; nil: the
	// host's own.
	Within func(func() error) error
	// Fields are further lines that a peer needs to know where to forward to.
	Fields []string
}

// Showing returns the target with another credential in Authorization.
func (t Target) Showing(token string) Target {
	t.Credential = "Authorization: Bearer " + token
	return t
}

// DefaultPath is where requests go.
const DefaultPath = "/v1/chat/completions"

const dialTimeout = 20 * time.Second

// Dial opens a connection.
func (t Target) Dial() (*Conn, error) {
	raw, err := t.open()
	if err != nil {
		return nil, err
	}
	c := &Conn{Conn: raw, tcp: raw.(*net.TCPConn)}
	if t.TLS != nil {
		secured := tls.Client(raw, t.TLS)
		_ = raw.SetDeadline(time.Now().Add(dialTimeout))
		if err := secured.Handshake(); err != nil {
			raw.Close()
			return nil, err
		}
		_ = raw.SetDeadline(time.Time{})
		c.Conn = secured
	}
	c.buffer = make([]byte, 4<<10)
	return c, nil
}

func (t Target) open() (raw net.Conn, err error) {
	dial := func() error {
		raw, err = net.DialTimeout("tcp", t.Address, dialTimeout)
		return err
	}
	if t.Within != nil {
		err = t.Within(dial)
		return raw, err
	}
	err = dial()
	return raw, err
}

// sdkFields are those that an OpenAI SDK sends besides the credential, the
// length and the type: with them a request has 14 fields.
var sdkFields = []string{
	"Accept: application/json",
	"Accept-Encoding: gzip, deflate, br, zstd",
	"User-Agent: OpenAI/Python 2.34.0",
	"X-Stainless-Lang: python",
	"X-Stainless-Package-Version: 2.34.0",
	"X-Stainless-OS: Linux",
	"X-Stainless-Arch: x64",
	"X-Stainless-Runtime: CPython",
	"X-Stainless-Runtime-Version: 3.12.4",
	"x-stainless-retry-count: 0",
}

// Shape is how a request looks.
type Shape struct {
	Fields []string // besides Host, credential, Content-Type and Content-Length
	Body   int      // bytes
	Stream string   // "true" or "false", as SDKs say it
	Last   bool     // the model stands behind all the rest
}

// Small is a request of few fields and 256 bytes; SDK is one as an OpenAI SDK
// makes it: 14 fields and 1.5 KB.
var (
	Small = Shape{Body: 256, Stream: "false"}
	SDK   = Shape{Fields: sdkFields, Body: 1536, Stream: "false"}
	// ModelLast is one with pictures or a long talk in it, by an SDK that writes the
	// model behind them.
	ModelLast = Shape{Fields: sdkFields, Body: 200 << 10, Stream: "false", Last: true}
	// Streamed asks for events.
	Streamed = Shape{Body: 256, Stream: "true"}
)

// talk is what messages are made of: gateways count tokens, and a word of 200 KB is none that
// anybody writes.
const talk = "She said that nobody knew why, and then she left. "

// Request returns a whole request that makes the upstream do what marker says.
func (t Target) Request(shape Shape, marker string) []byte {
	before := fmt.Sprintf(`{"model":"bench:%s","stream":%s,"messages":[{"role":"user","content":"`, marker, shape.Stream)
	after := `"}]}`
	if shape.Last { // the marker stands first in any case: the upstream finds it there at once
		before = fmt.Sprintf(`{"user":"bench:%s","stream":%s,"messages":[{"role":"user","content":"`, marker, shape.Stream)
		after = fmt.Sprintf(`"}],"model":"bench:%s"}`, marker)
	}
	room := max(0, shape.Body-len(before)-len(after))
	body := before + strings.Repeat(talk, room/len(talk)+1)[:room] + after
	return append(t.head(shape, int64(len(body))), body...)
}

// Upload returns the head of a request with a body of size bytes, and the
// start of that body.
func (t Target) Upload(size int64) []byte {
	start := `{"model":"bench:sink","x":"`
	return append(t.head(Small, size), start...)
}

// UploadStart is how many body bytes Upload returns.
const UploadStart = int64(len(`{"model":"bench:sink","x":"`))

func (t Target) head(shape Shape, length int64) []byte {
	var head bytes.Buffer
	fmt.Fprintf(&head, "POST %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", cmp.Or(t.Path, DefaultPath), t.Address, t.Credential)
	for _, line := range slices.Concat(t.Fields, shape.Fields) {
		fmt.Fprintf(&head, "%s\r\n", line)
	}
	fmt.Fprintf(&head, "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n", length)
	return head.Bytes()
}
