"""Limn's superpixels beside scikit-image's: adjusted Rand index and ratio of processor times.

From the repository's root, with scikit-image 0.19 (Debian: python3-skimage):

    python3 benchmarks/peers/superpixels.py PICTURE.jpg ...        compare on these pictures at 224 x 224
    python3 benchmarks/peers/superpixels.py --fixtures DIR         write the test fixtures: a made-up picture and skimage's labels
"""
import os
import subprocess
import sys
import tempfile
import time

import numpy as np
from skimage import io, transform
from skimage.segmentation import felzenszwalb, quickshift, slic

METHODS = {
    "slic": lambda x: slic(x, start_label=0),
    "slic-300-fine": lambda x: slic(x, n_segments=300, compactness=1, start_label=0),
    "slic-smooth": lambda x: slic(x, n_segments=50, sigma=1, start_label=0),
    "slic-pieces": lambda x: slic(x, enforce_connectivity=False, start_label=0),
    "quickshift": lambda x: quickshift(x, ratio=1.0, kernel_size=5, max_dist=10),
    "quickshift-lime": lambda x: quickshift(x, ratio=0.2, kernel_size=4, max_dist=200),
    "felzenszwalb": lambda x: felzenszwalb(x, scale=100, sigma=0.8, min_size=20),
}


def picture(path, side):
    image = io.imread(path)[..., :3]
    return transform.resize(image, (side, side), anti_aliasing=True).astype(np.float32)


def rand_index(a, b):
    """Adjusted for chance: 1 for the same division, 0 for divisions unrelated to each other."""
    table = np.zeros((a.max() + 1, b.max() + 1))
    np.add.at(table, (a.ravel(), b.ravel()), 1)
    pairs = lambda n: (n * (n - 1) / 2).sum()
    both, in_a, in_b = pairs(table), pairs(table.sum(1)), pairs(table.sum(0))
    expected = in_a * in_b / (a.size * (a.size - 1) / 2)
    return 1.0 if in_a == in_b == expected else (both - expected) / ((in_a + in_b) / 2 - expected)


def timed(method, image, repeat=2):
    best = np.inf
    for _ in range(repeat):
        start = time.process_time()
        labels = method(image)
        best = min(best, time.process_time() - start)
    return labels, best * 1000


def compare(paths):
    with tempfile.TemporaryDirectory() as folder:
        images = {os.path.splitext(os.path.basename(p))[0]: picture(p, 224) for p in paths}
        for name, image in images.items():
            np.save(os.path.join(folder, name + ".npy"), image.transpose(2, 0, 1))
        command = ["dotnet", "run", "--project", "benchmarks/Limn.Benchmarks", "-c", "Release", "--", "superpixels", folder]
        lines = [line.split() for line in subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()]
        print(f"{'picture':16}{'method':18}{'segments':>9}{'skimage':>9}{'ARI':>8}{'ms':>9}{'skimage':>9}{'ratio':>7}")
        for name, method, ms, *error in (line for line in lines if line and line[0] in images):
            if method == "telea":
                print(f"{name:16}{method:18}{'RMS error of a chessboard of holes ' + error[0]:>34}{float(ms):9.1f}")
                continue
            ours = np.load(os.path.join(folder, f"{name}.{method}.labels.npy"))
            theirs, peer_ms = timed(METHODS[method], images[name].astype(np.float64))
            print(f"{name:16}{method:18}{ours.max() + 1:9}{theirs.max() + 1:9}{rand_index(ours, theirs):8.4f}{float(ms):9.1f}{peer_ms:9.1f}{float(ms) / peer_ms:7.2f}")


def write_fixtures(folder):
    """Discs of different colours on a ramp, a little blurred and noisy, of 40 x 48 pixels."""
    random = np.random.RandomState(7)
    y, x = np.mgrid[:40, :48]
    image = np.stack([0.3 + 0.4 * x / 48, 0.5 - 0.3 * y / 40, 0.2 + 0.3 * (x + y) / 88], axis=-1)
    for _ in range(9):
        row, column, radius, colour = random.uniform(0, 40), random.uniform(0, 48), random.uniform(3, 10), random.uniform(0.05, 0.95, 3)
        cover = np.clip(radius - np.hypot(y - row, x - column), 0, 1)[..., None]
        image = cover * colour + (1 - cover) * image
    image = np.round(np.clip(image + random.normal(0, 0.02, image.shape), 0, 1) * 255).astype(np.uint8)
    os.makedirs(folder, exist_ok=True)
    io.imsave(os.path.join(folder, "picture.png"), image, check_contrast=False)
    for name, method in METHODS.items():
        np.save(os.path.join(folder, name + ".npy"), method((image / 255).astype(np.float32).astype(np.float64)).astype(np.int16))


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "--fixtures":
        write_fixtures(sys.argv[2])
    elif len(sys.argv) > 1:
        compare(sys.argv[1:])
    else:
        sys.exit(__doc__)
