// Package deploy_test tries the files of this folder, as far as a machine without containers can: what it needs
// beside Go and PostgreSQL (nginx, psql) is not asked for where it is not installed, and the test is skipped.
package deploy_test

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// service is what matters here of a service in compose.yaml.
type service struct {
	Image       string
	Build       struct{ Context, Dockerfile string }
	Command     []string
	EnvFile     string `yaml:"env_file"`
	Environment map[string]string
	Volumes     []string
	Ports       []string
	DependsOn   any `yaml:"depends_on"`
	Healthcheck struct{ Test []string }
	Restart     string
	ReadOnly    bool `yaml:"read_only"`
}

func read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func services(t *testing.T) map[string]service {
	t.Helper()
	var file struct{ Services map[string]service }
	if err := yaml.NewDecoder(bytes.NewBufferString(read(t, "compose.yaml"))).Decode(&file); err != nil {
		t.Fatalf("compose.yaml: %v", err)
	}
	return file.Services
}

func TestComposeHasADatabaseOneMigrationTwoReplicasAndAProxy(t *testing.T) {
	t.Parallel()
	all := services(t)
	for _, name := range []string{"postgres", "migrate", "gateway-1", "gateway-2", "proxy"} {
		if _, there := all[name]; !there {
			t.Fatalf("compose.yaml has no service %s", name)
		}
	}
	if got := strings.Join(all["migrate"].Command, " "); got != "migrate up" {
		t.Errorf("migrate runs %q, want migrate up", got)
	}
	if !strings.Contains(all["migrate"].Environment["DATABASE_URL"], "//crosswalk_owner:") || all["migrate"].Restart != "no" {
		t.Errorf("migrate does not run once, as the owner: %+v", all["migrate"])
	}
	upstreams := read(t, "nginx.conf")
	for _, name := range []string{"gateway-1", "gateway-2"} {
		replica := all[name]
		if !strings.Contains(replica.Environment["DATABASE_URL"], "//crosswalk_gateway:") {
			t.Errorf("%s does not log in as crosswalk_gateway: %s", name, replica.Environment["DATABASE_URL"])
		}
		for _, secret := range []string{"POSTGRES_PASSWORD", "DATABASE_OWNER_PASSWORD"} {
			if value, set := replica.Environment[secret]; !set || value != "" {
				t.Errorf("%s is given %s, which is in its env_file and must be emptied", name, secret)
			}
		}
		if !replica.ReadOnly || len(replica.Ports) > 0 {
			t.Errorf("%s may write to its file system or is reached past the proxy: %+v", name, replica)
		}
		if !strings.Contains(upstreams, "server "+name+":8080") {
			t.Errorf("nginx.conf does not know %s", name)
		}
	}
	for _, name := range []string{"postgres", "proxy"} {
		if len(all[name].Healthcheck.Test) == 0 {
			t.Errorf("nobody asks whether %s is healthy", name)
		}
	}
}

func TestImagesArePinned(t *testing.T) {
	t.Parallel()
	pinned := regexp.MustCompile(`^[a-z]+:\d+\.\d+(\.\d+)?(-[a-z]+)?$`)
	images := map[string]bool{}
	for _, s := range services(t) {
		images[s.Image] = true
	}
	for _, from := range regexp.MustCompile(`(?m)^FROM (\S+)`).FindAllStringSubmatch(read(t, "Dockerfile"), -1) {
		images[from[1]] = true
	}
	for image := range images {
		if image != "crosswalk" && image != "scratch" && !pinned.MatchString(image) {
			t.Errorf("the image %s is not that of one release", image)
		}
	}
}

func TestNoSecretStandsInAFile(t *testing.T) {
	t.Parallel()
	for name, s := range services(t) {
		for key, value := range s.Environment {
			secret := strings.Contains(key, "PASSWORD") || strings.Contains(key, "KEY") || strings.Contains(value, "://")
			if secret && value != "" && !strings.Contains(value, "${") {
				t.Errorf("compose.yaml: %s of %s has its value inline", key, name)
			}
		}
	}
	for _, line := range regexp.MustCompile(`(?m)^(\w*(?:PASSWORD|KEY|URL))=(.+)$`).FindAllString(read(t, ".env.example"), -1) {
		t.Errorf(".env.example has a value that is to be filled in: %s", line)
	}
	if !strings.Contains(read(t, "../.gitignore"), "/deploy/.env\n") {
		t.Error("git does not ignore deploy/.env")
	}
}
