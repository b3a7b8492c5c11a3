"""Renew what the documentation pages of velo-openapi are made of: `uv run tools/documentation_pages.py FOLDER`.

FOLDER has the packages as `npm pack swagger-ui-dist redoc @scalar/api-reference` makes them. The files that pages need go into the package,
compressed, with their licences and versions beside them; the same packages give the same bytes.
"""

import gzip
import json
import sys
import tarfile
from pathlib import Path

ASSETS = Path(__file__).parent.parent / "packages" / "openapi" / "src" / "velo_openapi" / "assets"
FILES = {
    "swagger-ui-dist": {
        "package/swagger-ui-bundle.js": "swagger-ui.js",
        "package/swagger-ui.css": "swagger-ui.css",
        "package/oauth2-redirect.js": "oauth2-redirect.js",
    },
    "redoc": {"package/bundles/redoc.standalone.js": "redoc.js"},
    "@scalar/api-reference": {"package/dist/browser/standalone.js": "scalar.js"},
}
IMAGES = {"redoc": (b"https://cdn.redoc.ly/redoc/logo-mini.svg",)}
"""What would be loaded from elsewhere, and is left out."""
LICENCES = (
    "package/LICENSE",
    "package/NOTICE",
    "package/swagger-ui-bundle.js.LICENSE.txt",
    "package/bundles/redoc.standalone.js.LICENSE.txt",
)


def main(folder: Path) -> None:
    versions: dict[str, str] = {}
    licences: list[str] = []
    for path in sorted(folder.glob("*.tgz")):
        with tarfile.open(path) as package:
            members = {member.name: member for member in package.getmembers() if member.isfile()}

            def read(name: str, package: tarfile.TarFile = package, members: dict[str, tarfile.TarInfo] = members) -> bytes:
                file = package.extractfile(members[name])
                assert file is not None
                return file.read()

            about = json.loads(read("package/package.json"))
            name = about["name"]
            if name not in FILES:
                continue
            versions[name] = about["version"]
            licences.append(f"{name} {about['version']}: {about['license']}\n")
            licences += [read(one).decode() for one in LICENCES if one in members]
            for source, target in FILES[name].items():
                content = read(source)
                for url in IMAGES.get(name, ()):
                    assert url in content
                    content = content.replace(url, b"data:,")
                (ASSETS / f"{target}.gz").write_bytes(gzip.compress(content, 9, mtime=0))
    missing = FILES.keys() - versions.keys()
    if missing:
        raise SystemExit(f"{folder} has no {', '.join(sorted(missing))}")
    (ASSETS / "versions.json").write_text(json.dumps(versions, indent=2, sort_keys=True) + "\n")
    (ASSETS / "LICENSES.txt").write_text("\n".join(text.strip() + "\n" for text in licences))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
