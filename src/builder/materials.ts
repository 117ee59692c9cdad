/** Something outside the build that its result depends on. */
export interface Material {
  readonly kind: 'image' | 'git' | 'http' | 'local';
  /** Where it was found: a package URL of an image ("pkg:docker/alpine@3.20?platform=linux%2Famd64"), an address, a context's name. Without credentials. */
  readonly uri: string;
  /** By algorithm: "sha256" of an image's or file's bytes, "sha1" of a commit. */
  readonly digest: Readonly<Record<string, string>>;
}

/** What one platform of a build was made of; each once, in order of first use. */
export class Materials {
  readonly #all = new Map<string, Material>();

  add(material: Material): void {
    const key = JSON.stringify([material.uri, material.digest]);
    if (!this.#all.has(key)) this.#all.set(key, material);
  }

  list(): Material[] {
    return [...this.#all.values()];
  }
}
