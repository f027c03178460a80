package upstream

import (
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// TestAddressesAreSetAside tells what dials note, and in which order the next one tries.
func TestAddressesAreSetAside(t *testing.T) {
	lacks := &os.SyscallError{Syscall: "socket", Err: syscall.EMFILE}
	for _, tc := range []struct {
		name  string
		story string // +N: N has answered; -N: it has not; !N: this machine had nothing left; >: a while; N N: the order wanted
	}{
		{"nothing is known", "1 2 3"},
		{"one that fails goes to the end", "-1; 2 3 1; 2 3 1"},
		{"it is tried once after a while, and not by all", "-1; >; 1 2 3; 2 3 1; 2 3 1"},
		{"it is still dead", "-1; >; 1 2 3; -1; 2 3 1; >; 1 2 3"},
		{"it is back", "-1; >; 1 2 3; +1; 1 2 3; 1 2 3"},
		{"it answers, as the last resort", "-1; 2 3 1; +1; 1 2 3"},
		{"two are dead: each is tried by another dial", "-1; -3; 2 1 3; >; 1 2 3; 3 2 1; 2 1 3"},
		{"all are dead: as if none was", "-1; -2; -3; 1 2 3; 1 2 3"},
		{"the only one", "-1; 1; 1"},
		{"one that DNS no longer names is forgotten", "-1; 2 3; 1 2 3"},
		{"one in place of it is new", "-1; 2 4; 2 4"},
		{"what this machine lacks is nobody's fault", "!1; 1 2 3"},
		{"and does not excuse either", "-1; !1; 2 3 1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var a aside
				for step := range strings.SplitSeq(tc.story, "; ") {
					switch step[0] {
					case '+':
						a.hear(address(step[1]), nil)
					case '-':
						a.hear(address(step[1]), errRefused)
					case '!':
						a.hear(address(step[1]), lacks)
					case '>':
						time.Sleep(awhile)
					default:
						want := wanted(step)
						named := slices.SortedFunc(slices.Values(want), netip.Addr.Compare)
						if got := a.order(named); !slices.Equal(got, want) {
							t.Errorf("%s: after so much the order is %v, want %v", step, got, want)
						}
						if len(a.until) > len(named) {
							t.Errorf("%s: %d addresses are remembered", step, len(a.until))
						}
					}
				}
			})
		})
	}
}

func address(digit byte) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, 0, digit - '0'}) }

func wanted(digits string) (addrs []netip.Addr) {
	for d := range strings.FieldsSeq(digits) {
		addrs = append(addrs, address(d[0]))
	}
	return addrs
}

// TestGoodAddressesStillShare holds that those that are left begin in turn.
func TestGoodAddressesStillShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a aside
		a.hear(address('2'), errRefused)
		begun := map[netip.Addr]int{}
		for turn := range uint64(30) {
			begun[a.order(inTurn(wanted("1 2 3 4"), turn))[0]]++
		}
		if begun[address('2')] > 0 || min(begun[address('1')], begun[address('3')], begun[address('4')]) < 7 {
			t.Errorf("30 dials begin with %v", begun)
		}
	})
}
