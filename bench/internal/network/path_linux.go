package network

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// A Path is two networks with a router between them, as a peer and its upstream have.
type Path struct {
	Near, Far *Space // a peer is at the address Near, the upstream at Far
	router    *Space
}

// NewPath returns one that is whole.
func NewPath() (*Path, error) {
	p := &Path{}
	for _, s := range []**Space{&p.Near, &p.router, &p.Far} {
		var err error
		if *s, err = NewSpace(); err != nil {
			p.Close()
			return nil, err
		}
	}
	if err := p.join(); err != nil {
		p.Close()
		return nil, fmt.Errorf("%w (%w)", ErrNotAllowed, err)
	}
	return p, nil
}

func (p *Path) join() error {
	for _, step := range []struct {
		in       *Space
		commands string
	}{
		{p.router, "link add near0 type veth peer name edge0 netns " + p.Near.path() + `
link add far0 type veth peer name up0 netns ` + p.Far.path() + `
addr add 10.200.1.2/24 dev near0
addr add 10.200.2.1/24 dev far0
link set near0 up
link set far0 up`},
		{p.Near, "addr add " + Near + "/24 dev edge0\nlink set edge0 up\nroute add default via 10.200.1.2"},
		{p.Far, "addr add " + Far + "/24 dev up0\nlink set up0 up\nroute add default via 10.200.2.1"},
	} {
		err := step.in.Do(func() error {
			ip := exec.Command("ip", "-batch", "-")
			ip.Stdin = strings.NewReader(step.commands + "\n")
			if said, err := ip.CombinedOutput(); err != nil {
				return fmt.Errorf("ip: %w: %s", err, bytes.TrimSpace(said))
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return p.forward("1")
}

// Cut has the router drop everything from now on, in both directions, and say nothing.
func (p *Path) Cut() error { return p.forward("0") }

// forward is also where a machine without permission to set it is noticed.
func (p *Path) forward(on string) error {
	return p.router.Do(func() error { return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte(on), 0) })
}

// Close lets go of the networks.
func (p *Path) Close() {
	for _, s := range []*Space{p.Near, p.router, p.Far} {
		if s != nil {
			s.Close()
		}
	}
}
