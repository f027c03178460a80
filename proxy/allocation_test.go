//go:build linux && !portable && !race

package proxy_test

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/census"
	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/identity/clientkey"
	"github.com/apim-edge/apim-edge/internal/identity/identitytest"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
	"github.com/apim-edge/apim-edge/proxy/upstream"
)

// quiet answers each request of a fixed size with reply, without allocating.
func quiet(size int, reply []byte) func(*proxytest.Peer) {
	return func(c *proxytest.Peer) {
		buf := make([]byte, size)
		for {
			if _, err := io.ReadFull(c, buf); err != nil {
				return
			}
			if _, err := c.Write(reply); err != nil {
				return
			}
		}
	}
}

// allocationsPerRun is testing.AllocsPerRun without its GOMAXPROCS(1): a loop keeps
// a processor while it waits, and would hand over the only one after 10 ms. What else the
// process does meanwhile (an edge of a test before that ends, a tick) is measured behind
// each try for as long, and taken off: on a busy machine 200 runs take long. It returns the
// median of five tries, rounded.
func allocationsPerRun(runs int, f func()) int {
	var tries [5]int
	for try := range tries {
		start := time.Now()
		during := mallocs(func() {
			for range runs {
				f()
			}
		})
		length := time.Since(start)
		tries[try] = during - mallocs(func() { time.Sleep(length) })
	}
	slices.Sort(tries[:])
	return (max(0, tries[len(tries)/2]) + runs/2) / runs
}

func mallocs(f func()) int {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int(after.Mallocs - before.Mallocs)
}

// sdkHead is a request as openai-python sends it: 14 fields.
const sdkHead = "POST /openai/v1/chat/completions HTTP/1.1\nHost: edge.example.com\nAccept-Encoding: gzip, deflate\n" +
	"Connection: keep-alive\nAccept: application/json\nContent-Type: application/json\nUser-Agent: OpenAI/Python 2.34.0\n" +
	"X-Stainless-Lang: python\nX-Stainless-Package-Version: 2.34.0\nX-Stainless-OS: Linux\nX-Stainless-Arch: x64\n" +
	"X-Stainless-Runtime: CPython\nAuthorization: Bearer 0123456789abcdef0123456789abcdef\nX-Request-Id: 0123456789abcdef0123456789abcdef\n" +
	"Content-Length: 2\n\n{}"

// TestAnExchangeAllocatesNothing (not for the portable twin, nor under the race
// detector, which empties pools by chance) measures the whole process, client and upstream
// included: whatever is allocated was allocated by the edge.
func TestAnExchangeAllocatesNothing(t *testing.T) {
	for _, share := range []string{"all", "client"} {
		t.Run("share "+share, func(t *testing.T) {
			exchangeAllocatesNothing(t, sdkHead, proxytest.StartEdge, func(conf *config.Config) {
				u := conf.Upstreams["legacy"]
				u.Share = share
				conf.Upstreams["legacy"] = u
			})
		})
	}
	for _, to := range []string{"legacy", "v1"} {
		t.Run("over a bridge to "+to, func(t *testing.T) {
			exchangeAllocatesNothing(t, sdkHead, proxytest.StartEdge, func(conf *config.Config) {
				bridgeTo(conf, to)
				r := conf.Routes["api"]
				r.Bridge.Default = "gpt-4o"
				conf.Routes["api"] = r
			})
		})
	}
	for _, per := range []string{"credential", "route", "address"} {
		t.Run("within limits per "+per, func(t *testing.T) {
			exchangeAllocatesNothing(t, sdkHead, proxytest.StartEdge, limitTo(config.RouteLimits{Per: per, Requests: "90000/s", Concurrent: 10}))
		})
	}
	for name, lines := range map[string]string{"from where it may be called": "", "from where a proxy says": "X-Forwarded-For: [2001:db8::1]:443, 192.0.2.1:4711, 127.0.0.1\n"} {
		t.Run(name, func(t *testing.T) {
			request := strings.Replace(sdkHead, "\nHost:", "\n"+lines+"Host:", 1)
			exchangeAllocatesNothing(t, request, proxytest.StartEdge, callableFrom(config.Addresses{Allow: []string{"192.0.2.0/24", "127.0.0.0/8"}}))
		})
	}
	t.Run("with parameters that change", func(t *testing.T) {
		request := strings.Replace(sdkHead, "/completions HTTP", "/completions?a=1&api-version=2&trace=3 HTTP", 1)
		exchangeAllocatesNothing(t, request, proxytest.StartEdge, changing(someParameters))
	})
	t.Run("with a field that it must have", func(t *testing.T) {
		t.Setenv("OTHER_FRONT_DOOR", "another")
		request := strings.Replace(sdkHead, "\nHost:", "\nX-Azure-FDID: "+frontDoor+"\nHost:", 1)
		exchangeAllocatesNothing(t, request, proxytest.StartEdge, throughFrontDoor(t))
	})
	for name, second := range map[string][]byte{"a key of the edge's own": nil, "and a second one": []byte("fedcba9876543210")} {
		t.Run(name, func(t *testing.T) {
			exchangeAllocatesNothing(t, sdkHead, func(t testing.TB, url string, change func(*config.Config)) *proxytest.Edge {
				own := upstream.NewCredential("api-key", "test", false, func(upstream.CredentialEvent) {})
				own.Set([]byte("0123456789abcdef"), second)
				return proxytest.StartEdgeShowing(t, url, own, change)
			}, func(*config.Config) {})
		})
	}
	t.Run("of 200 KB both ways", func(t *testing.T) {
		length, body := "Content-Length: 200000", strings.Repeat("x", 200_000-6)
		request := strings.Replace(sdkHead, "Content-Length: 2\n\n", length+"\n\n"+body+"long", 1)
		repliesAllocateNothing(t, request, proxytest.StartEdge, func(*config.Config) {}, "HTTP/1.1 200 OK\r\n"+length+"\r\n\r\n"+body+"world!")
	})
	t.Run("one of several upstreams", func(t *testing.T) {
		exchangeAllocatesNothing(t, sdkHead, proxytest.StartEdge, func(conf *config.Config) {
			url := conf.Upstreams["legacy"].URL
			several(url, url)(conf)
		})
	})
	t.Run("callers are counted", func(t *testing.T) {
		exchangeAllocatesNothing(t, sdkHead, func(t testing.TB, url string, change func(*config.Config)) *proxytest.Edge {
			c := census.Start(census.Options{Loops: 2, Rows: 100, File: filepath.Join(t.TempDir(), "census.jsonl")})
			t.Cleanup(c.Close)
			e := proxytest.StartEdge(t, url, change)
			e.Edge.CountCallers(c.Hasher())
			e.Edge.Observe(c)
			return e
		}, func(*config.Config) {})
	})
	t.Run("that is not traced where others are", func(t *testing.T) {
		exchangeAllocatesNothing(t, sdkHead, proxytest.StartEdge, func(conf *config.Config) {
			conf.Traces.Endpoint, conf.Traces.Sample = "http://127.0.0.1:4318", config.Share{}
		})
	})
	t.Run("a token that is known", func(t *testing.T) {
		token := "Bearer " + fixed.Token("a", identitytest.Claims{"roles": "x"})
		exchangeAllocatesNothing(t, strings.Replace(sdkHead, "Bearer 0123456789abcdef0123456789abcdef", token, 1), proxytest.StartEdge, func(conf *config.Config) {
			askForTokens(conf)
			r := conf.Routes["api"]
			r.ForwardClaims = map[string]string{"sub": "X-Caller"}
			conf.Routes["api"] = r
		})
	})
	t.Run("a key of the edge", func(t *testing.T) {
		exchangeAllocatesNothing(t, sdkHead, proxytest.StartEdge, func(conf *config.Config) {
			askForClients(conf)
			conf.Clients = map[string]config.Client{"a": {Keys: []string{clientkey.Hash("0123456789abcdef0123456789abcdef")}}}
		})
	})
}

// TestReadingTokensAllocatesNothing is the same where the tokens of the answer are read.
func TestReadingTokensAllocatesNothing(t *testing.T) {
	body := `{"usage":{"prompt_tokens":19,"completion_tokens":10}, "x": "world!`
	repliesAllocateNothing(t, sdkHead, proxytest.StartEdge, readUsage, fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body))
}

// TestARefusalAllocatesNothing: a client that repeats a wrong key for ever must not
// cost more memory than one that has a good one.
func TestARefusalAllocatesNothing(t *testing.T) {
	body := keyInvalid + "world!"
	repliesAllocateNothing(t, sdkHead, proxytest.StartEdge, func(*config.Config) {}, fmt.Sprintf("HTTP/1.1 401 X\r\nContent-Type: application/json\r\n"+
		"WWW-Authenticate: AzureApiManagementKey name=\"x\"\r\nContent-Length: %d\r\n\r\n%s", len(body), body))
}

func exchangeAllocatesNothing(t *testing.T, head string, start func(testing.TB, string, func(*config.Config)) *proxytest.Edge, change func(*config.Config)) {
	repliesAllocateNothing(t, head, start, change, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\nhello, world!")
}

// repliesAllocateNothing holds it for exchanges with this reply, which ends in world!, as
// head, with a body behind it, does in {}.
func repliesAllocateNothing(t *testing.T, head string, start func(testing.TB, string, func(*config.Config)) *proxytest.Edge, change func(*config.Config), text string) {
	reply := []byte(text)
	sent := make(chan int, 1)
	first := proxytest.StartUpstream(t, func(c *proxytest.Peer) {
		request, n := make([]byte, len(head)+4096), 0
		for m, err := 0, error(nil); err == nil && !bytes.HasSuffix(request[:n], []byte("{}")); n += m {
			m, err = c.Read(request[n:])
		}
		sent <- n
		_, _ = c.Write(reply)
	})
	c := start(t, first, change).Dial()
	c.Send(head)
	size := <-sent
	_ = c.Close()
	e := start(t, proxytest.StartUpstream(t, quiet(size, reply)), func(conf *config.Config) {
		conf.Log.Access = false
		change(conf)
	})
	c = e.Dial()
	request := []byte(strings.ReplaceAll(head, "\n", "\r\n"))
	answer := make([]byte, len(reply)+4096)
	exchange := func() {
		if _, err := c.Write(request); err != nil {
			t.Fatal(err)
		}
		for n := 0; !bytes.HasSuffix(answer[:n], []byte("world!")); {
			m, err := c.Read(answer[n:])
			if err != nil {
				t.Fatalf("%v after %q", err, answer[:n])
			}
			n += m
		}
	}
	for range 200 {
		exchange()
	}
	if got := allocationsPerRun(2000, exchange); got > 0 {
		t.Errorf("an exchange allocates %v times, want 0", got)
	}
}

// TestAnEventAllocatesNothing is the same for the events of a stream.
func TestAnEventAllocatesNothing(t *testing.T) {
	t.Run("that nobody reads", func(t *testing.T) { eventAllocatesNothing(t, nil) })
	t.Run("of which tokens are read", func(t *testing.T) { eventAllocatesNothing(t, readUsage) })
}

func eventAllocatesNothing(t *testing.T, change func(*config.Config)) {
	event := []byte("e\r\ndata: 12345 \n\n\r\n")
	next := make(chan struct{})
	e := proxytest.StartEdge(t, proxytest.StartUpstream(t, func(c *proxytest.Peer) {
		c.Request()
		c.Send("HTTP/1.1 200 OK\nContent-Type: text/event-stream\nTransfer-Encoding: chunked\n\n")
		for range next {
			if _, err := c.Write(event); err != nil {
				return
			}
		}
	}), change)
	defer close(next)
	c := e.Dial()
	c.Send(proxytest.Request)
	c.Head()
	answer := make([]byte, len(event))
	one := func() {
		next <- struct{}{}
		if _, err := io.ReadFull(c, answer); err != nil {
			t.Fatal(err)
		}
	}
	for range 50 {
		one()
	}
	if got := allocationsPerRun(2000, one); got > 0 {
		t.Errorf("an event allocates %v times, want 0", got)
	}
}
