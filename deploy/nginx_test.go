package deploy_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"crosswalk/internal/account"
	"crosswalk/internal/gateway/gatewaytest"
	simconnectwise "crosswalk/internal/simulator/connectwise"
	simplatform "crosswalk/internal/simulator/platform"
)

// configured returns nginx.conf with other addresses, and with its files in a folder of the test.
func configured(t *testing.T, folder, listen string, replicas ...string) string {
	t.Helper()
	text := read(t, "nginx.conf")
	replace := func(old, with string) {
		t.Helper()
		if strings.Count(text, old) != 1 {
			t.Fatalf("nginx.conf has %q %d times, want once", old, strings.Count(text, old))
		}
		text = strings.Replace(text, old, with, 1)
	}
	replace("/tmp/nginx.pid", filepath.Join(folder, "pid"))
	replace("/dev/stdout", filepath.Join(folder, "access.log"))
	replace("listen 8080;", "listen "+listen+";")
	for i, replica := range replicas {
		replace(fmt.Sprintf("gateway-%d:8080", i+1), strings.TrimPrefix(replica, "http://"))
	}
	var places strings.Builder
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&places, "\t%s_temp_path %s;\n", kind, filepath.Join(folder, kind))
	}
	replace("http {\n", "http {\n"+places.String())
	return text
}

// startProxy runs nginx with the configuration of this folder and returns its address. It is handed a socket that
// listens already, as when nginx replaces itself, so that no other process can take the port meanwhile.
func startProxy(t *testing.T, replicas ...string) string {
	t.Helper()
	nginx, err := exec.LookPath("nginx")
	if err != nil {
		t.Skipf("nginx is not installed: %v", err)
	}
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	handed, err := socket.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer handed.Close()
	folder, address := t.TempDir(), socket.Addr().String()
	// The workers of a server that root started are somebody else.
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(folder, "nginx.conf")
	if err := os.WriteFile(file, []byte(configured(t, folder, address, replicas...)), 0o600); err != nil {
		t.Fatal(err)
	}
	if output, err := exec.CommandContext(t.Context(), nginx, "-t", "-q", "-p", folder, "-c", file).CombinedOutput(); err != nil {
		t.Fatalf("nginx -t: %v\n%s", err, output)
	}
	server := exec.Command(nginx, "-p", folder, "-c", file, "-g", "daemon off;")
	server.Env = append(os.Environ(), "NGINX=3;")
	server.ExtraFiles = []*os.File{handed}
	var complaints gatewaytest.Log
	server.Stderr = &complaints
	if err := server.Start(); err != nil {
		t.Fatalf("start nginx: %v", err)
	}
	t.Cleanup(func() {
		_ = server.Process.Signal(syscall.SIGTERM) // it may have ended by itself
		if err := server.Wait(); err != nil || t.Failed() {
			t.Logf("nginx ended (%v) and wrote: %s", err, &complaints)
		}
	})
	return "http://" + address
}

func TestTheProxyPassesOnWhatComesAsItComes(t *testing.T) {
	t.Parallel()
	held := make(chan struct{})
	w := gatewaytest.Start(t, gatewaytest.Options{
		ConnectWise: simconnectwise.Options{Companies: 3}, Platform: simplatform.Options{Organizations: 3, Lines: 30},
		BeforeConnectWise: func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
				select {
				case <-held:
				case <-request.Context().Done():
				}
				next.ServeHTTP(answer, request)
			})
		},
	})
	second := w.Replica(t)
	proxy := startProxy(t, w.URL(), second.URL)
	seller := w.On(&gatewaytest.Replica{URL: proxy})

	// The run is held up, so that what arrives of it has not waited for the end of the answer.
	job, _ := seller.StartSync(t)
	var streams []*gatewaytest.Stream
	for _, over := range gatewaytest.Transports() {
		stream := seller.Subscribe(t, over, account.Viewer, `subscription ($id: ID!) { jobProgress(id: $id) { state } }`, map[string]any{"id": job})
		var progress struct{ JobProgress struct{ State string } }
		if stream.Must(&progress); progress.JobProgress.State == "SUCCEEDED" {
			t.Errorf("over %s: a run that is held up has succeeded", over)
		}
		streams = append(streams, stream)
	}
	close(held)
	for i, stream := range streams {
		if end := stream.End(); end != gatewaytest.Completed {
			t.Errorf("over %s: the stream ended as %s, want %s", gatewaytest.Transports()[i], end, gatewaytest.Completed)
		}
	}

	for path, status := range map[string]int{"/readyz": http.StatusOK, "/metrics": http.StatusNotFound, "/schema.graphqls": http.StatusOK} {
		if got := statusOf(t, proxy+path); got != status {
			t.Errorf("GET %s through the proxy: %d, want %d", path, got, status)
		}
	}

	// One replica may go at any time.
	if err := second.Gateway.Stop(t.Context()); err != nil {
		t.Fatalf("stop a replica: %v", err)
	}
	for range 10 {
		seller.Must(t, account.Viewer, `{ organizations { totalCount } }`, nil, nil)
	}
}

func statusOf(t *testing.T, address string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode
}
