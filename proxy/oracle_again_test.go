package proxy_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/textproto"
	"slices"
	"strings"

	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

// taped has everything that p reads from now on kept.
func taped(p *proxytest.Peer) *bytes.Buffer {
	tape := &bytes.Buffer{}
	p.In = bufio.NewReader(io.TeeReader(p.Conn, tape))
	return tape
}

// readAgain has net/http read raw, which the edge has put on the wire, and says how
// that differs from m, our own reading of it. It has to be exactly one message,
// for a response after its interim ones.
func readAgain(m proxytest.Message, raw []byte, method string) error {
	in := bufio.NewReaderSize(bytes.NewReader(raw), 64<<10)
	var fields http.Header
	var body io.ReadCloser
	var trailer *http.Header
	if method == "" {
		r, err := http.ReadRequest(in)
		if err != nil {
			return err
		}
		if line := fmt.Sprint(r.Method, " ", r.RequestURI, " ", r.Proto); line != m.First {
			return fmt.Errorf("request line %q", line)
		}
		r.Header.Set("Host", r.Host)
		fields, body, trailer = r.Header, r.Body, &r.Trailer
	} else {
		r, err := finalResponse(in, method)
		if err != nil {
			return err
		}
		if line := r.Proto + " " + r.Status; line != m.First {
			return fmt.Errorf("status line %q", line)
		}
		fields, body, trailer = r.Header, r.Body, &r.Trailer
	}
	text, err := io.ReadAll(body)
	if err != nil || string(text) != m.Body {
		return fmt.Errorf("%d bytes of body (%w), want %d", len(text), err, len(m.Body))
	}
	if rest, _ := io.ReadAll(in); len(rest) > 0 {
		return fmt.Errorf("%q stands behind the message", rest)
	}
	return sameFields(m, fields, *trailer)
}

func finalResponse(in *bufio.Reader, method string) (*http.Response, error) {
	for {
		r, err := http.ReadResponse(in, &http.Request{Method: method})
		if err != nil || r.StatusCode >= 200 {
			return r, err
		}
		_ = r.Body.Close()
	}
}

func sameFields(m proxytest.Message, fields, trailer http.Header) error {
	want := http.Header{}
	for _, f := range m.Fields {
		switch name := textproto.CanonicalMIMEHeaderKey(f[0]); name {
		case "Transfer-Encoding", "Trailer", "Connection": // net/http keeps them apart
		default:
			want[name] = append(want[name], strings.Trim(f[1], " \t"))
		}
	}
	if !maps.EqualFunc(fields, want, slices.Equal) {
		return fmt.Errorf("fields %q, want %q", fields, want)
	}
	var lines []string
	for name, values := range trailer {
		for _, v := range values {
			lines = append(lines, name+": "+v)
		}
	}
	if slices.Sort(lines); !slices.Equal(lines, slices.Sorted(slices.Values(m.Trailer))) {
		return fmt.Errorf("trailers %q, want %q", lines, m.Trailer)
	}
	return nil
}
