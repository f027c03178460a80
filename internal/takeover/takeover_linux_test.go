package takeover

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

const variable = "TEST_TAKEOVER_FILE"

// TestMain is a process that relieves another one, if it has been started for that: it
// says whom, and when it is told itself, or has been asked to end, which of both.
func TestMain(m *testing.M) {
	name, ok := os.LookupEnv(variable)
	if !ok {
		os.Exit(m.Run())
	}
	told := make(chan os.Signal, 2)
	signal.Notify(told, syscall.SIGTERM)
	f, err := Open(name)
	if err != nil {
		panic(err)
	}
	before, err := f.Relieve()
	fmt.Println(before, err)
	asked := make(chan struct{})
	go func() {
		_, _ = io.ReadAll(os.Stdin)
		close(asked)
	}()
	select {
	case <-told:
		fmt.Println("told")
		<-asked
	case <-asked:
		fmt.Println("not told", len(told))
	}
}

// server is such a process.
type server struct {
	t   *testing.T
	cmd *exec.Cmd
	ask io.Closer
	out *bufio.Reader
}

func start(t *testing.T, file string) *server {
	t.Helper()
	s := &server{t: t, cmd: exec.Command(os.Args[0])}
	s.cmd.Env = append(os.Environ(), variable+"="+file)
	in, err := s.cmd.StdinPipe()
	testkit.Must(t, err)
	out, err := s.cmd.StdoutPipe()
	testkit.Must(t, err)
	s.ask, s.out = in, bufio.NewReader(out)
	testkit.Must(t, s.cmd.Start())
	t.Cleanup(func() {
		_ = in.Close()
		_ = s.cmd.Wait() // it has been killed, maybe
	})
	return s
}

func (s *server) says(want string) {
	s.t.Helper()
	if got := s.line(); got != want {
		s.t.Errorf("a process says %q, want %q", got, want)
	}
}

func (s *server) line() string {
	line, _ := s.out.ReadString('\n')
	return strings.TrimSpace(line)
}

// TestOneRelievesAnother holds that who is relieved is told, once, and who is last is not.
func TestOneRelievesAnother(t *testing.T) {
	file := filepath.Join(t.TempDir(), "edge")
	first := start(t, file)
	first.says("0 <nil>")
	second := start(t, file)
	second.says(fmt.Sprint(first.cmd.Process.Pid, " <nil>"))
	first.says("told")
	third := start(t, file)
	third.says(fmt.Sprint(second.cmd.Process.Pid, " <nil>"))
	second.says("told")
	_ = third.ask.Close()
	third.says("not told 0")
}

// TestNobodyElseIsTold holds that a process which only has the number is left alone, and
// that nothing in the file keeps an edge from serving.
func TestNobodyElseIsTold(t *testing.T) {
	dir := t.TempDir()
	bystander := start(t, filepath.Join(dir, "its own"))
	bystander.says("0 <nil>")
	pid := bystander.cmd.Process.Pid
	for _, text := range []string{fmt.Sprint(pid), fmt.Sprint(pid, " 1"), "nonsense", "-1 -1", "0 0", "1 -5", "99999999999999999999 1", strings.Repeat("1", 5000)} {
		file := filepath.Join(dir, "file")
		testkit.Write(t, file, text)
		start(t, file).says("0 <nil>")
	}
	_ = bystander.ask.Close()
	bystander.says("not told 0")

	file := filepath.Join(dir, "killed")
	gone := start(t, file)
	gone.says("0 <nil>")
	_ = gone.cmd.Process.Kill()
	_ = gone.cmd.Wait()
	start(t, file).says("0 <nil>")
}

// TestOfManyAtOnceOneRemains holds that each relieves another one.
func TestOfManyAtOnceOneRemains(t *testing.T) {
	file := filepath.Join(t.TempDir(), "edge")
	var all []*server
	for range 8 {
		all = append(all, start(t, file))
	}
	relieved := map[string]bool{}
	for _, s := range all {
		relieved[strings.TrimSuffix(s.line(), " <nil>")] = true
	}
	if len(relieved) != len(all) || !relieved["0"] {
		t.Fatalf("%d processes relieved %v, want each another one, and the first nobody", len(all), relieved)
	}
	for _, s := range all {
		if pid := fmt.Sprint(s.cmd.Process.Pid); relieved[pid] {
			s.says("told")
		} else {
			_ = s.ask.Close()
			s.says("not told 0")
		}
	}
}
