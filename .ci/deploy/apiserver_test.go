//go:build apiserver

package deploycheck

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	apps "k8s.io/api/apps/v1"
	"sigs.k8s.io/yaml"
)

const (
	namespace = "edge"
	token     = "of-this-test"
)

// resources are the paths of kinds, below the namespace.
var resources = map[string]string{
	"v1 ConfigMap":                           "/api/v1/%s/configmaps",
	"v1 Pod":                                 "/api/v1/%s/pods",
	"v1 Service":                             "/api/v1/%s/services",
	"v1 ServiceAccount":                      "/api/v1/%s/serviceaccounts",
	"apps/v1 Deployment":                     "/apis/apps/v1/%s/deployments",
	"autoscaling/v2 HorizontalPodAutoscaler": "/apis/autoscaling/v2/%s/horizontalpodautoscalers",
	"networking.k8s.io/v1 NetworkPolicy":     "/apis/networking.k8s.io/v1/%s/networkpolicies",
	"policy/v1 PodDisruptionBudget":          "/apis/policy/v1/%s/poddisruptionbudgets",
}

// TestAnAPIServerTakesTheManifests sends each object to a real API server, to be judged
// and not to be kept. A warning is a fault: Pod Security warns of a Deployment and
// refuses only its pods, so one of those is sent as well.
func TestAnAPIServerTakesTheManifests(t *testing.T) {
	s := startServer(t)
	for _, file := range manifests(t) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		judged := 0
		for _, object := range bytes.Split(text, []byte("\n---\n")) {
			kind, err := decode(object)
			if err != nil {
				t.Fatal(err)
			}
			if resources[kind] == "" {
				t.Logf("%s: a %s is not judged: the server lacks its definition", filepath.Base(file), kind)
				continue
			}
			s.judge(kind, object, http.StatusCreated)
			judged++
			if kind == "apps/v1 Deployment" {
				s.judgePods(object)
			}
		}
		if judged < 6 {
			t.Errorf("%s: judged %d objects, want all", filepath.Base(file), judged)
		}
	}
}

// judgePods sends the pods of a Deployment, and wants what is wrong to be refused: a
// type, and pods that restricted Pod Security is there to keep out.
func (s *server) judgePods(object []byte) {
	s.t.Helper()
	s.judge("v1 Pod", podOf(s.t, object), http.StatusCreated)
	s.judge("apps/v1 Deployment", bytes.Replace(object, []byte("maxSkew: 1"), []byte("maxSkew: one"), 1), http.StatusBadRequest)
	s.judge("v1 Pod", podOf(s.t, bytes.Replace(object, []byte("runAsNonRoot: true"), []byte("runAsNonRoot: false"), 1)), http.StatusForbidden)
}

// podOf returns the pod that a Deployment would make.
func podOf(t *testing.T, text []byte) []byte {
	t.Helper()
	var d apps.Deployment
	if err := yaml.UnmarshalStrict(text, &d); err != nil {
		t.Fatal(err)
	}
	pod, err := yaml.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": "one", "labels": d.Spec.Template.Labels}, "spec": d.Spec.Template.Spec,
	})
	if err != nil {
		t.Fatal(err)
	}
	return pod
}

// server is a running API server without controllers: what they would make is made here.
type server struct {
	t      *testing.T
	url    string
	client *http.Client
}

func startServer(t *testing.T) *server {
	t.Helper()
	dir := t.TempDir()
	etcd, peer, secure := unused(t), unused(t), unused(t)
	run(t, dir, "ETCD", "--data-dir="+filepath.Join(dir, "etcd"), "--listen-client-urls=http://"+etcd, "--advertise-client-urls=http://"+etcd,
		"--listen-peer-urls=http://"+peer, "--initial-advertise-peer-urls=http://"+peer, "--initial-cluster=default=http://"+peer)
	key, accounts := filepath.Join(dir, "sa.key"), filepath.Join(dir, "tokens.csv")
	writeKey(t, key)
	if err := os.WriteFile(accounts, []byte(token+",admin,1,system:masters\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(secure)
	run(t, dir, "KUBE_APISERVER", "--etcd-servers=http://"+etcd, "--secure-port="+port, "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1",
		"--cert-dir="+filepath.Join(dir, "certs"), "--service-account-key-file="+key, "--service-account-signing-key-file="+key,
		"--service-account-issuer=https://kubernetes.default.svc", "--authorization-mode=RBAC", "--token-auth-file="+accounts,
		"--service-cluster-ip-range=10.0.0.0/24", "--endpoint-reconciler-type=none")
	s := &server{t, "https://" + secure, &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // it has made its certificate itself, a moment ago
	}}}
	s.await()
	s.must("/api/v1/namespaces", "apiVersion: v1\nkind: Namespace\nmetadata: {name: "+namespace+", labels: {"+
		"pod-security.kubernetes.io/enforce: restricted, pod-security.kubernetes.io/warn: restricted}}\n")
	s.must("/api/v1/namespaces/"+namespace+"/serviceaccounts", "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: apim-edge}\n")
	return s
}

// await waits until the server is ready.
func (s *server) await() {
	s.t.Helper()
	for end := time.Now().Add(5 * time.Minute); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if status, _, _ := s.send(http.MethodGet, "/readyz", ""); status == http.StatusOK {
			return
		}
	}
	s.t.Fatal("the API server does not become ready")
}

// must makes an object.
func (s *server) must(path, object string) {
	s.t.Helper()
	if status, answer, _ := s.send(http.MethodPost, path, object); status != http.StatusCreated {
		s.t.Fatalf("%s: %d %s", path, status, answer)
	}
}

// judge sends an object to be judged.
func (s *server) judge(kind string, object []byte, want int) {
	s.t.Helper()
	if kind == "v1 ServiceAccount" { // that of startServer has its name
		object = bytes.Replace(object, []byte("name: apim-edge\n"), []byte("name: apim-edge-judged\n"), 1)
	}
	path := fmt.Sprintf(resources[kind], "namespaces/"+namespace)
	status, answer, warnings := s.send(http.MethodPost, path+"?dryRun=All&fieldValidation=Strict", string(object))
	if status != want || want == http.StatusCreated && len(warnings) > 0 {
		s.t.Errorf("%s: got %d, want %d: %s\nwarnings: %q", kind, status, want, answer, warnings)
	}
}

func (s *server) send(method, path, body string) (status int, answer string, warnings []string) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/yaml")
	response, err := s.client.Do(request)
	if err != nil {
		return 0, err.Error(), nil
	}
	defer response.Body.Close() //nolint:errcheck // read only
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err.Error(), nil
	}
	return response.StatusCode, string(text), response.Header.Values("Warning")
}

// run starts the program that a variable names, until the end of the test.
func run(t *testing.T, dir, variable string, args ...string) {
	t.Helper()
	log, err := os.Create(filepath.Join(dir, variable+".log"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, os.Getenv(variable), args...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	t.Cleanup(func() {
		end()
		_ = cmd.Wait() // it was killed
		_ = log.Close()
		if said, _ := os.ReadFile(log.Name()); t.Failed() {
			t.Logf("the end of what %s said:\n%s", variable, said[max(0, len(said)-4000):])
		}
	})
}

// unused returns an address that nobody listens on.
func unused(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // its address is all that is wanted
	return l.Addr().String()
}

func writeKey(t *testing.T, file string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	block := &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}
	if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
}
