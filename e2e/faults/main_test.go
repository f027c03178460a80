//go:build e2e

package faults

import (
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

var (
	loadFor = flag.Duration("faults.for", 10*time.Second, "how long the load lasts at least; each fault comes at least once")
	crowd   = flag.Int("faults.clients", 500, "how many clients make the load")
)

// patience is how long anything may take that ought to happen at once. It is no
// bound on speed: it ends a test that would otherwise hang.
const patience = 30 * time.Second

// binaryUnderTest is the edge.
var binaryUnderTest string

func TestMain(m *testing.M) {
	if address := os.Getenv(upstreamRole); address != "" {
		actUpstream(address)
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	flag.Parse()
	dir, err := os.MkdirTemp("", "faults")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if err := prepare(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// prepare builds the edge, or takes the one that EDGE_BINARY names, and lets this
// process and its children open as many files as the system allows.
func prepare(dir string) error {
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return err
	}
	files.Cur = files.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return err
	}
	if binary := os.Getenv("EDGE_BINARY"); binary != "" {
		var err error
		binaryUnderTest, err = filepath.Abs(binary)
		return err
	}
	binaryUnderTest = filepath.Join(dir, "apim-edge")
	build := exec.Command("go", "build", "-o", binaryUnderTest, "./cmd/apim-edge")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build apim-edge: %w\n%s", err, out)
	}
	return nil
}

// reserve returns an address that nobody else gets, and on which a child can
// listen again and again: it is bound here, but nobody listens. The socket lives
// as long as the process.
func reserve(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	bound, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", bound.(*syscall.SockaddrInet4).Port)
}

// dial connects as the client of that number. Clients have addresses of their
// own, since the ports of connections that have ended stay taken for a minute.
func dial(address string, client int) (*net.TCPConn, error) {
	from := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(1+client%200))}}
	conn, err := from.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	return conn.(*net.TCPConn), nil
}

// eventually waits until ready returns true.
func eventually(t *testing.T, what string, ready func() bool) bool {
	t.Helper()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for expired := time.After(patience); !ready(); {
		select {
		case <-look.C:
		case <-expired:
			t.Errorf("waited %s for %s", patience, what)
			return false
		}
	}
	return true
}
