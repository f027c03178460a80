package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"time"

	"github.com/apim-edge/apim-edge/bench/internal/mock"
	"github.com/apim-edge/apim-edge/bench/internal/network"
	"github.com/apim-edge/apim-edge/bench/internal/proc"
)

// upstream is the mock upstream as a process.
type upstream struct {
	process   *proc.Process
	host      string
	plainPort int
	tlsPort   int
	control   string
	client    http.Client
}

// startUpstream starts one on the host's own loopback.
func startUpstream(built string, certs *certificates, cpus []int) (*upstream, error) {
	ports, err := freePorts(3)
	if err != nil {
		return nil, err
	}
	return startUpstreamIn(nil, "127.0.0.1", ports, built, certs, cpus)
}

// startUpstreamIn starts one in a network of its own (nil: the host's) that listens on the
// ports of an address there: for plain HTTP, for TLS, and for its control.
func startUpstreamIn(space *network.Space, host string, ports []int, built string, certs *certificates, cpus []int) (u *upstream, err error) {
	on := func(port int) string { return fmt.Sprintf("%s:%d", host, port) }
	u = &upstream{host: host, plainPort: ports[0], tlsPort: ports[1], control: on(ports[2])}
	u.client = http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DialContext: dialIn(space)}}
	spec := proc.Spec{CPUs: cpus, Argv: []string{
		filepath.Join(built, "mock"), "--plain", on(ports[0]), "--tls", on(ports[1]), "--control", u.control,
		"--cert", certs.CertFile, "--key", certs.KeyFile,
	}}
	if u.process, err = startIn(space, spec); err != nil {
		return nil, err
	}
	for end := time.Now().Add(20 * time.Second); ; {
		if _, err = u.Stats(); err == nil {
			return u, nil
		}
		if time.Now().After(end) {
			u.process.Stop()
			return nil, fmt.Errorf("the mock upstream does not answer: %w (%s)", err, u.process.Output())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// Stats asks the upstream what it saw.
func (u *upstream) Stats() (stats mock.Stats, err error) {
	err = u.ask("/stats", &stats)
	return stats, err
}

// Streams is how many streams are open at the upstream.
func (u *upstream) Streams() (int64, error) {
	stats, err := u.Stats()
	return stats.Streams, err
}

// Accepted is how many connections the upstream has accepted so far.
func (u *upstream) Accepted() (int64, error) {
	stats, err := u.Stats()
	return stats.Accepted, err
}

// Exchanges is how many the upstream has had so far.
func (u *upstream) Exchanges() (int64, error) {
	stats, err := u.Stats()
	return stats.Exchanges, err
}

// settle waits until the proxies have cancelled what their clients left, and
// ends what they have not.
func (u *upstream) settle() {
	for end := time.Now().Add(300 * time.Millisecond); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if open, err := u.Streams(); err == nil && open == 0 {
			return
		}
	}
	var stats mock.Stats
	_ = u.ask("/reset", &stats)
}

// Departure implements workload.Upstream.
func (u *upstream) Departure(id string) (at int64, known bool, err error) {
	err = u.ask("/departure?id="+url.QueryEscape(id), &at)
	if err == errUnknown {
		return 0, false, nil
	}
	return at, err == nil, err
}

var errUnknown = fmt.Errorf("the upstream has not seen it")

func (u *upstream) ask(path string, into any) error {
	response, err := u.client.Get("http://" + u.control + path)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusNotFound {
		return errUnknown
	}
	return json.NewDecoder(response.Body).Decode(into)
}

// freePorts returns ports that nobody listens on now. All are held until the
// last is known, so that they differ. They are below those that the kernel gives to
// outgoing connections (32768 and more), of which a burst takes thousands.
func freePorts(n int) ([]int, error) {
	var ports []int
	for range 1000 {
		if len(ports) == n {
			return ports, nil
		}
		port := 10_000 + rand.IntN(22_000)
		if listener, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port)); err == nil {
			defer listener.Close()
			ports = append(ports, port)
		}
	}
	return nil, errors.New("no free ports on 127.0.0.1")
}
