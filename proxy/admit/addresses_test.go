package admit

import (
	"net/netip"
	"testing"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
)

func prefixes(texts ...string) (all []netip.Prefix) {
	for _, t := range texts {
		all = append(all, netip.MustParsePrefix(t))
	}
	return all
}

func TestFromWhereARouteMayBeCalled(t *testing.T) {
	both := []string{"10.0.0.0/8", "203.0.113.7/32", "2001:db8::/32"}
	for _, tc := range []struct {
		name        string
		allow, deny []string
		from        string
		passes      bool
	}{
		{"in the first network", both, nil, "10.255.255.255", true},
		{"before it", both, nil, "9.255.255.255", false},
		{"behind it", both, nil, "11.0.0.0", false},
		{"the one address", both, nil, "203.0.113.7", true},
		{"beside it", both, nil, "203.0.113.8", false},
		{"IPv6", both, nil, "2001:db8:ffff::1", true},
		{"other IPv6", both, nil, "2001:db9::", false},
		{"link-local, with the zone that the kernel names", []string{"fe80::/10"}, nil, "fe80::1%eth0", true},
		{"denied, with a zone", nil, []string{"fe80::/10"}, "fe80::1%eth0", false},
		{"a network in another one, behind which it goes on", []string{"10.0.0.0/8", "10.1.0.0/16"}, nil, "10.200.0.1", true},
		{"out of order", []string{"192.0.2.0/24", "10.0.0.0/8", "172.16.0.0/12"}, nil, "172.31.0.1", true},
		{"denied alone", nil, []string{"203.0.113.0/24"}, "203.0.113.9", false},
		{"not denied", nil, []string{"203.0.113.0/24"}, "203.0.114.9", true},
		{"denied in what is allowed", []string{"10.0.0.0/8"}, []string{"10.0.0.9/32"}, "10.0.0.9", false},
		{"allowed beside what is denied", []string{"10.0.0.0/8"}, []string{"10.0.0.9/32"}, "10.0.0.8", true},
		{"all of IPv4 has no IPv6", []string{"0.0.0.0/0"}, nil, "::1", false},
		{"nobody has said who it is", []string{"0.0.0.0/0", "::/0"}, nil, "", false},
	} {
		var from netip.Addr
		if tc.from != "" {
			from = netip.MustParseAddr(tc.from)
		}
		v := NewAddresses("gate", prefixes(tc.allow...), prefixes(tc.deny...)).Check(from)
		if v.Passes() != tc.passes || !tc.passes && (v.Code != edgeerr.AddressNotAllowed || v.Message != "") {
			t.Errorf("%s: %s is answered %v, want it to pass: %t", tc.name, tc.from, v, tc.passes)
		}
	}
}

// FuzzAddresses: the search among networks in their order finds what a look at each would.
func FuzzAddresses(f *testing.F) {
	f.Add([]byte{10, 0, 0, 0, 8, 10, 1, 0, 0, 16}, []byte{10, 1, 0, 9})
	f.Add([]byte{0, 0, 0, 0, 0, 255, 255, 255, 255, 32}, []byte{255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, networks, address []byte) {
		var all []netip.Prefix
		for ; len(networks) >= 5; networks = networks[5:] {
			a, _ := netip.AddrFromSlice(networks[:4])
			all = append(all, netip.PrefixFrom(a, int(networks[4])%33))
		}
		from, ok := netip.AddrFromSlice(address)
		if !ok || len(all) == 0 {
			return
		}
		want := false
		for _, p := range all {
			want = want || p.Contains(from)
		}
		if got := NewAddresses("", all, nil).Check(from).Passes(); got != want {
			t.Errorf("%s in %v: %t, want %t", from, all, got, want)
		}
		if got := NewAddresses("", nil, all).Check(from).Passes(); got == want {
			t.Errorf("%s out of %v: %t, want %t", from, all, got, !want)
		}
	})
}

// TestAnAddressThatPassesAllocatesNothing, and takes no lock: there is none in the type.
func TestAnAddressThatPassesAllocatesNothing(t *testing.T) {
	a := NewAddresses("gate", prefixes("10.0.0.0/8", "2001:db8::/32"), prefixes("10.0.0.9/32"))
	from := netip.MustParseAddr("10.0.0.8")
	if n := testing.AllocsPerRun(100, func() {
		if v := a.Check(from); !v.Passes() {
			t.Error(v)
		}
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

func TestExplainNamesTheRuleOfAddresses(t *testing.T) {
	for _, tc := range []struct {
		allow, deny []string
		want        string
	}{
		{[]string{"10.0.0.0/8", "203.0.113.7/32"}, nil, "gate: passes; the route may be called from 10.0.0.0/8, 203.0.113.7 only"},
		{nil, []string{"10.0.0.0/8"}, "gate: passes; the route may be called from nowhere in 10.0.0.0/8"},
		{[]string{"10.0.0.0/8"}, []string{"10.0.0.9/32"}, "gate: passes; the route may be called from 10.0.0.0/8 only, and from nowhere in 10.0.0.9"},
		{[]string{"10.0.0.0/8", "11.0.0.0/8", "12.0.0.0/8", "13.0.0.0/8", "14.0.0.0/8"}, nil,
			"gate: passes; the route may be called from 10.0.0.0/8, 11.0.0.0/8, 12.0.0.0/8, 13.0.0.0/8, ... only"},
	} {
		if got := NewAddresses("gate", prefixes(tc.allow...), prefixes(tc.deny...)).Explain().String(); got != tc.want {
			t.Errorf("got  %s\nwant %s", got, tc.want)
		}
	}
}

// BenchmarkAddresses is one look at a thousand networks.
func BenchmarkAddresses(b *testing.B) {
	var all []netip.Prefix
	for i := range 1000 {
		all = append(all, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0}), 25))
	}
	a, from := NewAddresses("gate", all, nil), netip.MustParseAddr("10.1.200.7")
	for b.Loop() {
		if !a.Check(from).Passes() {
			b.Fatal("it is in one of them")
		}
	}
}
