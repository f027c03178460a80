package sockets

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

// given is what is handed over in a test: sockets by their names, in this order.
type given struct {
	name string
	file *os.File
}

// TestGivenSockets holds what is taken, and that each that is not says why. The sockets
// are handed over to a process of its own, as systemd does.
func TestGivenSockets(t *testing.T) {
	tcp, other := listener(t, "tcp", "127.0.0.1:0"), listener(t, "tcp", "127.0.0.1:0")
	unix := listener(t, "unix", filepath.Join(t.TempDir(), "socket"))
	address := tcp.Addr().String()
	called := testkit.Dial(t, address)
	for _, tc := range []struct {
		name  string
		given []given
		want  string
	}{
		{"none", nil, "clients: own, admin: own"},
		{"one for clients", []given{{Clients, fileOf(t, tcp)}}, "clients: given, admin: own"},
		{"one for each", []given{{Admin, fileOf(t, other)}, {Clients, fileOf(t, tcp)}}, "clients: given, admin: given"},
		{"a name of systemd's own", []given{{"apim-edge.socket", fileOf(t, tcp)}}, `LISTEN_FDS: the socket named "apim-edge.socket" (FileDescriptorName): want the name clients or admin`},
		{"two of a name", []given{{Clients, fileOf(t, tcp)}, {Clients, fileOf(t, other)}}, `LISTEN_FDS: the socket named "clients" (FileDescriptorName): there are two of that name; one ListenStream=[::]:PORT takes IPv4 as well`},
		{"a path", []given{{Clients, fileOf(t, unix)}}, `LISTEN_FDS: the socket named "clients" (FileDescriptorName): it is no TCP socket; want ListenStream= with a port`},
		{"a connection", []given{{Clients, fileOf(t, called)}}, `LISTEN_FDS: the socket named "clients" (FileDescriptorName): it does not listen; want Accept=no and ListenStream=`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			admin := "127.0.0.1:0"
			if got := handOver(t, tc.given, address, admin); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
	t.Run("at another address", func(t *testing.T) {
		got := handOver(t, []given{{Clients, fileOf(t, tcp)}}, "127.0.0.1:1", "")
		if want := `the socket named "clients" in LISTEN_FDS is at ` + address + ", and the configuration says 127.0.0.1:1; make ListenStream= and the configuration agree"; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
	t.Run("one that is not wanted", func(t *testing.T) {
		got := handOver(t, []given{{Admin, fileOf(t, tcp)}}, "127.0.0.1:0", "")
		if want := "LISTEN_FDS: nobody serves the socket named admin; admin.address switches that listener off"; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
}

// The variables of the process that sockets are handed over to.
const clientsVariable, adminVariable = "TEST_CLIENTS", "TEST_ADMIN"

// TestMain is that process, if it has been started for it: it says what it has taken.
func TestMain(m *testing.M) {
	clients, ok := os.LookupEnv(clientsVariable)
	if !ok {
		os.Exit(m.Run())
	}
	said, err := openBoth(clients, os.Getenv(adminVariable))
	if err != nil {
		said = err.Error()
	}
	_, _ = os.Stdout.WriteString(said)
}

func openBoth(clients, admin string) (string, error) {
	s, err := Given()
	if err != nil {
		return "", err
	}
	var said []string
	for _, want := range []struct{ name, address string }{{Clients, clients}, {Admin, admin}} {
		if want.address == "" {
			continue
		}
		// With a port of its own where none was given: this one is another's.
		if s.given[want.name] == nil {
			want.address = "127.0.0.1:0"
		}
		l, given, err := s.Open(want.name, want.address)
		if err != nil {
			return "", err
		}
		_ = l.Close()
		said = append(said, want.name+": "+map[bool]string{true: "given", false: "own"}[given])
	}
	return strings.Join(said, ", "), s.Unused()
}

// handOver returns what a process says that is given these.
func handOver(t *testing.T, sockets []given, clients, admin string) string {
	t.Helper()
	var names []string
	cmd := exec.Command("/bin/sh", "-c", `LISTEN_PID=$$ exec "$0"`, os.Args[0])
	for _, g := range sockets {
		names, cmd.ExtraFiles = append(names, g.name), append(cmd.ExtraFiles, g.file)
	}
	cmd.Env = append(os.Environ(), clientsVariable+"="+clients, adminVariable+"="+admin)
	if len(sockets) > 0 {
		cmd.Env = append(cmd.Env, "LISTEN_FDS="+string(rune('0'+len(sockets))), "LISTEN_FDNAMES="+strings.Join(names, ":"))
	}
	said, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	return string(said)
}

func listener(t *testing.T, network, address string) net.Listener {
	t.Helper()
	l, err := net.Listen(network, address)
	testkit.Must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func fileOf(t *testing.T, of any) *os.File {
	t.Helper()
	f, err := of.(interface{ File() (*os.File, error) }).File()
	testkit.Must(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// TestAgree holds which addresses are the same.
func TestAgree(t *testing.T) {
	for _, tc := range []struct {
		socket, configured string
		want               bool
	}{
		{"[::]:8080", ":8080", true},
		{"0.0.0.0:8080", ":8080", true},
		{"[::]:8080", "0.0.0.0:8080", true},
		{"127.0.0.1:8080", "127.0.0.1:8080", true},
		{"127.0.0.1:8080", "127.0.0.1:0", true},
		{"127.0.0.1:8080", "127.0.0.1:8081", false},
		{"127.0.0.1:8080", ":8080", false},
		{"[::]:8080", "127.0.0.1:8080", false},
		{"[::1]:8080", "127.0.0.1:8080", false},
		{"[::]:8080", "nonsense", false},
	} {
		addr, err := net.ResolveTCPAddr("tcp", tc.socket)
		testkit.Must(t, err)
		if err := agree(addr, tc.configured); (err == nil) != tc.want {
			t.Errorf("a socket at %s and a configuration of %s: %v, want agreement %v", tc.socket, tc.configured, err, tc.want)
		}
	}
}
