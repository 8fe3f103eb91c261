package secretfiles_test

import (
	"testing"
	"testing/fstest"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/source/app"
	"github.com/gantry-buildpack/gantry/internal/source/secretfiles"
)

func TestFind(t *testing.T) {
	g := NewWithT(t)
	tree := fstest.MapFS{}
	for name, text := range map[string]string{
		".gitignore":                         "*.pem\n/id_*\n.env*\n!.env.production\nconfig/local/\n*.env\nconfig/application.yml\n",
		"config/master.key":                  "k",
		"config/credentials/staging.key":     "k",
		"config/credentials/staging.yml.enc": "k",
		"shop/config/master.key":             "k",
		"myconfig/master.key":                "k",
		"tls.pem":                            "-----BEGIN PRIVATE KEY-----",
		"certs/a.pem":                        "-----BEGIN PRIVATE KEY-----",
		"certs/.gitignore":                   "!ca.pem\n",
		"certs/ca.pem":                       "-----BEGIN PRIVATE KEY-----",
		"id_ed25519":                         "-----BEGIN PRIVATE KEY-----",
		"certs/public.pem":                   "-----BEGIN CERTIFICATE-----",
		"config/application.yml":             "A: 1",
		"deep/a/b/c/d/e/.env":                "A=1",
		"prod.env":                           "A=1",
		"certs/id_rsa":                       "not ignored",
		".env":                               "A=1\n",
		".env.empty":                         "# A=1\nB=\nC=''\n",
		".env.example":                       "A=1\n",
		".env.production":                    "A=1\n",
		".env.staging":                       "A=1\n",
		".envrc":                             "export A=1\n",
		"config/local/server.key":            "-----BEGIN PRIVATE KEY-----",
		"node_modules/x/.env":                "A=1",
		"a/b/c/d/.env":                       "A=1",
	} {
		tree[name] = &fstest.MapFile{Data: []byte(text)}
	}
	names := func(o secretfiles.Options) (list []string) {
		for _, file := range secretfiles.Find(app.App{FS: tree}, o) {
			list = append(list, file.Name)
		}
		return list
	}
	keys := []string{"certs/a.pem", "config/application.yml", "config/credentials/staging.key", "config/local/server.key", "config/master.key", "deep/a/b/c/d/e/.env", "id_ed25519", "prod.env", "shop/config/master.key", "tls.pem"}
	g.Expect(names(secretfiles.Options{})).To(Equal(append([]string{".env", ".env.staging", ".envrc", "a/b/c/d/.env"}, keys...)))
	g.Expect(names(secretfiles.Options{EnvFiles: true, Keep: []string{"certs/*.pem", "tls.pem"}, Used: []string{"node --env-file=.env server.js"}})).
		To(Equal([]string{".env.production", ".env.staging", ".envrc", "a/b/c/d/.env", "config/application.yml", "config/credentials/staging.key", "config/local/server.key", "config/master.key", "deep/a/b/c/d/e/.env", "id_ed25519", "prod.env", "shop/config/master.key"}))
	g.Expect(secretfiles.Find(app.App{FS: fstest.MapFS{".env": tree[".env"], "a.pem": tree["tls.pem"]}}, secretfiles.Options{})).To(BeEmpty(), "nothing is ignored")
}

// A .env that stays in the image is told where its values look like secrets, and only there.
func TestStays(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		stays bool
	}{
		"a password":          {map[string]string{".env": "PORT=3000\nDB_PASSWORD=hunter22222\n"}, true},
		"an exported token":   {map[string]string{".env.production": "export API_TOKEN='0123456789'\n"}, true},
		"an address":          {map[string]string{".env": "DATABASE_URL=postgres://shop:canary@db/shop\n"}, true},
		"settings alone":      {map[string]string{".env": "PORT=3000\nNEXT_PUBLIC_URL=https://example.com\nMONKEY=is no key at all\n"}, false},
		"an example":          {map[string]string{".env.example": "API_TOKEN=0123456789\n"}, false},
		"another's variable":  {map[string]string{".env": "API_TOKEN=${OTHER_TOKEN}\n"}, false},
		"a short placeholder": {map[string]string{".env": "API_KEY=changeme"[:14]}, false},
		"that is kept":        {map[string]string{".env.kept": "API_TOKEN=0123456789\n"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			tree := fstest.MapFS{}
			for file, text := range c.files {
				tree[file] = &fstest.MapFile{Data: []byte(text)}
			}
			found := secretfiles.Find(app.App{FS: tree}, secretfiles.Options{Keep: []string{".env.kept"}})
			if !c.stays {
				NewWithT(t).Expect(found).To(BeEmpty())
				return
			}
			NewWithT(t).Expect(found).To(HaveLen(1))
			NewWithT(t).Expect(found[0].Stays).To(BeTrue())
		})
	}
}
