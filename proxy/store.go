package proxy

import "github.com/apim-edge/apim-edge/proxy/record"

// A store keeps, for one loop, what its exchanges have done with until other ones
// take it. It is not locked, which a sync.Pool cannot offer: its six calls were
// 1 % of the CPU of an exchange.
type store struct {
	exchanges shelf[Exchange]
	requests  shelf[Request]
	responses shelf[Response]
	parser    *Parser
	record    record.Record // of the exchange that ends just now
}

type shelf[T any] []*T

// keepFree bounds what a shelf holds: as many exchanges as can end in one turn of
// a loop. More would stay for ever after a busy minute.
const keepFree = 128

func (s *shelf[T]) take() *T {
	n := len(*s) - 1
	if n < 0 {
		return new(T)
	}
	v := (*s)[n]
	(*s)[n] = nil // or what it grows to would not go to the collector
	*s = (*s)[:n]
	return v
}

// put takes v back. What has grown goes to the collector, so that one large head
// does not stay for ever.
func (s *shelf[T]) put(v *T, grown bool) {
	if !grown && len(*s) < keepFree {
		*s = append(*s, v)
	}
}

// clear drops all of r that aliases the buffer of its head: what is kept must not
// keep buffers.
func (r *Request) Clear() {
	r.forget()
	r.Method, r.Target, r.Path, r.Query = nil, nil, nil, nil
	clear(r.Fields)
	r.Fields = r.Fields[:0]
}

// clear drops all of r that aliases the buffer of its head.
func (r *Response) Clear() {
	clear(r.fields)
	clear(r.vary)
	r.connection.reset(false)
	r.fields, r.vary, r.line, r.APIMID = r.fields[:0], r.vary[:0], nil, nil
}

// grown tells that the head was larger than those of known clients.
func (r *Request) Grown() bool { return cap(r.Fields) > usualFields || cap(r.joined) > usualText }

func (r *Response) Grown() bool { return cap(r.fields) > usualFields || cap(r.vary) > usualFields }

func (k *kept) grown() bool { return cap(k.text) > usualText }

const (
	usualFields = 64
	usualText   = 2 << 10
	usualHead   = 4 << 10
)
