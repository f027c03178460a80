package carryover

import (
	"net/netip"
	"reflect"
	"testing"

	"github.com/apim-edge/apim-edge/internal/config"
)

func TestCovering(t *testing.T) {
	for _, tc := range []struct {
		from, to string
		want     []string
	}{
		{"10.0.0.1", "10.0.0.1", []string{"10.0.0.1/32"}},
		{"10.0.0.0", "10.0.0.255", []string{"10.0.0.0/24"}},
		{"10.0.0.1", "10.0.0.9", []string{"10.0.0.1/32", "10.0.0.2/31", "10.0.0.4/30", "10.0.0.8/31"}},
		{"0.0.0.0", "255.255.255.255", []string{"0.0.0.0/0"}},
		{"255.255.255.254", "255.255.255.255", []string{"255.255.255.254/31"}},
		{"::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", []string{"::/0"}},
		{"2001:db8::fffe", "2001:db8::1:0", []string{"2001:db8::fffe/127", "2001:db8::1:0/128"}},
	} {
		var got []string
		for _, p := range covering(netip.MustParseAddr(tc.from), netip.MustParseAddr(tc.to)) {
			got = append(got, p.String())
		}
		if !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s to %s: %q, want %q", tc.from, tc.to, got, tc.want)
		}
	}
}

// FuzzCovering: the networks follow on each other from the first address to the last, have
// no host bits, and are no more than there can be.
func FuzzCovering(f *testing.F) {
	f.Add([]byte{10, 0, 0, 1}, []byte{10, 0, 0, 9})
	f.Add([]byte{0, 0, 0, 1}, []byte{255, 255, 255, 254})
	f.Add([]byte{0, 0, 0, 0}, []byte{255, 255, 255, 255})
	f.Add(make([]byte, 16), []byte{255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 254})
	f.Fuzz(func(t *testing.T, first, last []byte) {
		from, ok := netip.AddrFromSlice(first)
		to, there := netip.AddrFromSlice(last)
		if !ok || !there || from.BitLen() != to.BitLen() {
			return
		}
		if to.Less(from) {
			from, to = to, from
		}
		all := covering(from, to)
		next := from
		for _, p := range all {
			if p.Addr() != next || p != p.Masked() {
				t.Fatalf("%s to %s: %s in %v, want it to begin with %s", from, to, p, all, next)
			}
			next = config.LastAddress(p).Next()
		}
		if next != to.Next() || len(all) > 2*from.BitLen() {
			t.Errorf("%s to %s: %v", from, to, all)
		}
	})
}

// TestAddressesComeBack: from where a route may be called is the same behind export and
// import.
func TestAddressesComeBack(t *testing.T) {
	r, _ := exported(t, "addresses")
	before, err := config.Load(config.Options{File: "../export/testdata/addresses.yaml"})
	if err != nil {
		t.Fatal(err)
	}
	after := read(t, r.Configuration)
	got, want := after.Routes["openai"].Require.Addresses, before.Routes["openai"].Require.Addresses
	if !reflect.DeepEqual(spelled(t, got.Allow), spelled(t, want.Allow)) || !reflect.DeepEqual(spelled(t, got.Deny), spelled(t, want.Deny)) {
		t.Errorf("addresses %v, want %v", got, want)
	}
}

// spelled returns networks in one spelling.
func spelled(t *testing.T, texts []string) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	for _, text := range texts {
		p, err := config.ParseNetwork(text)
		if err != nil {
			t.Fatal(err)
		}
		all[p.String()] = true
	}
	return all
}
