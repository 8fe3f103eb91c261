package writes_test

import (
	"testing"
	"testing/fstest"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/source/app"
	"github.com/gantry-buildpack/gantry/internal/source/writes"
)

func TestFind(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  []string
	}{
		"mkdir":                         {map[string]string{"server.js": "fs.mkdirSync('./data/', { recursive: true })"}, []string{"data at server.js:1:4"}},
		"promises":                      {map[string]string{"src/a.ts": "\nawait fs.promises.mkdir(`uploads/images`)"}, []string{"uploads/images at src/a.ts:2:19"}},
		"behind the file's folder":      {map[string]string{"src/a.js": "mkdirSync(path.join(__dirname, '../data'))"}, []string{"data at src/a.js:1:1"}},
		"behind the process's folder":   {map[string]string{"src/a.js": "mkdirSync(path.resolve(process.cwd(), 'data'))"}, []string{"data at src/a.js:1:1"}},
		"images of Next.js":             {map[string]string{"package.json": `{"dependencies": {"next": "16"}}`, "app/page.tsx": "import Image from 'next/image'"}, []string{".next/cache at app/page.tsx:1:14"}},
		"pages that Next.js renews":     {map[string]string{"package.json": `{"dependencies": {"next": "16"}}`, "next.config.js": "module.exports = { output: 'standalone' }", "app/page.jsx": "\nexport const revalidate = 60"}, []string{".next/standalone/.next/cache at app/page.jsx:2:1"}},
		"Next.js that writes nothing":   {map[string]string{"package.json": `{"dependencies": {"next": "16"}}`, "app/page.jsx": "export default () => 1"}, nil},
		"Next.js as files":              {map[string]string{"package.json": `{"dependencies": {"next": "16"}}`, "next.config.mjs": "export default { output: \"export\" }", "app/page.jsx": "import Image from 'next/image'"}, nil},
		"no Next.js":                    {map[string]string{"a.js": "x({ revalidate: 60 })"}, nil},
		"multer":                        {map[string]string{"app.js": "const upload = multer({ dest: 'uploads/' })"}, []string{"uploads at app.js:1:16"}},
		"SQLite":                        {map[string]string{"db.js": "const db = new Database('data/app.db')"}, []string{"data at db.js:1:12"}},
		"SQLite of sqlite3":             {map[string]string{"db.js": "new sqlite3.Database('./data/app.sqlite')"}, []string{"data at db.js:1:1"}},
		"SQLite in memory":              {map[string]string{"db.js": "new Database(':memory:')"}, nil},
		"a database that is no file":    {map[string]string{"db.js": "new Database('shop')"}, nil},
		"next to the code itself":       {map[string]string{"db.js": "new Database('app.db')"}, nil},
		"a temporary folder":            {map[string]string{"a.js": "mkdirSync('/tmp/x'); mkdirSync('tmp/x')"}, nil},
		"outside":                       {map[string]string{"a.js": "mkdirSync('../x')"}, nil},
		"a variable":                    {map[string]string{"a.js": "mkdirSync(dir)"}, nil},
		"tools and tests":               {map[string]string{"scripts/a.js": "mkdirSync('x')", "test/a.js": "mkdirSync('x')", "vite.config.js": "mkdirSync('x')"}, nil},
		"several places are one":        {map[string]string{"a.js": "mkdirSync('x')", "b.js": "mkdirSync('x/')"}, []string{"x at a.js:1:1"}},
		"Rails with SQLite":             {map[string]string{"config/database.yml": "default: &default\n  adapter: sqlite3\ndevelopment:\n  database: db/dev.sqlite3\n\nproduction:\n  primary:\n    <<: *default\n    database: storage/production.sqlite3\n"}, []string{"storage at config/database.yml:9:15"}},
		"Rails with another database":   {map[string]string{"config/database.yml": "development:\n  database: db/dev.sqlite3\nproduction:\n  url: <%= ENV['DATABASE_URL'] %>\n"}, nil},
		"Active Storage on the disk":    {map[string]string{"config/environments/production.rb": "Rails.application.configure do\n  config.active_storage.service = :local\nend\n"}, []string{"storage at config/environments/production.rb:2:3"}},
		"Active Storage elsewhere":      {map[string]string{"config/environments/production.rb": "  config.active_storage.service = :amazon\n"}, nil},
		"Active Storage, commented out": {map[string]string{"config/environments/production.rb": "  # config.active_storage.service = :local\n"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			tree := fstest.MapFS{"package.json": {Data: []byte("{}")}}
			for file, text := range c.files {
				tree[file] = &fstest.MapFile{Data: []byte(text)}
			}
			var found []string
			for _, p := range writes.Find(app.App{FS: tree}) {
				found = append(found, p.Folder+" at "+p.Where.String())
			}
			NewWithT(t).Expect(found).To(Equal(c.want))
		})
	}
}
