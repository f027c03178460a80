package head

import (
	"net/netip"
	"testing"
)

func TestSender(t *testing.T) {
	proxies := netip.MustParsePrefix("10.0.0.0/8")
	for _, tc := range []struct{ name, connected, fields, want string }{
		{"nobody trusted", "192.0.2.1", "X-Forwarded-For: 198.51.100.7\r\n", "192.0.2.1"},
		{"a proxy", "10.0.0.1", "X-Forwarded-For: 198.51.100.7\r\n", "198.51.100.7"},
		{"a proxy that says nothing", "10.0.0.1", "", "10.0.0.1"},
		{"a client that says more than it knows", "10.0.0.1", "X-Forwarded-For: 203.0.113.9, 198.51.100.7\r\n", "198.51.100.7"},
		{"two proxies", "10.0.0.1", "X-Forwarded-For: 203.0.113.9, 198.51.100.7,10.0.0.2\r\n", "198.51.100.7"},
		{"two lines", "10.0.0.1", "X-Forwarded-For: 203.0.113.9, 198.51.100.7\r\nX-Forwarded-For: 10.0.0.2\r\n", "198.51.100.7"},
		{"nobody but proxies", "10.0.0.1", "X-Forwarded-For: 10.0.0.3, 10.0.0.2\r\n", "10.0.0.3"},
		{"a port", "10.0.0.1", "X-Forwarded-For: 198.51.100.7:4711\r\n", "198.51.100.7"},
		{"IPv6", "10.0.0.1", "X-Forwarded-For: 2001:db8::7\r\n", "2001:db8::7"},
		{"IPv6 with a port", "10.0.0.1", "X-Forwarded-For: [2001:db8::7]:4711\r\n", "2001:db8::7"},
		{"IPv4 as IPv6", "10.0.0.1", "X-Forwarded-For: ::ffff:198.51.100.7\r\n", "198.51.100.7"},
		{"no address", "10.0.0.1", "X-Forwarded-For: 198.51.100.7, unknown\r\n", "10.0.0.1"},
		{"an empty element", "10.0.0.1", "X-Forwarded-For: 198.51.100.7,\r\n", "10.0.0.1"},
		{"an empty field", "10.0.0.1", "X-Forwarded-For:\r\n", "10.0.0.1"},
		{"a neighbour of the field", "10.0.0.1", "X_Forwarded_For: 198.51.100.7\r\n", "10.0.0.1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var r Request
			if err := r.Parse([]byte("GET / HTTP/1.1\r\nHost: edge\r\n" + tc.fields + "\r\n")); err != nil {
				t.Fatal(err)
			}
			if got := r.Sender(netip.MustParseAddr(tc.connected), proxies.Contains); got.String() != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}
