"""Networks that torchvision does not have, written as their papers and best-known implementations write them."""
import math

import torch
from torch import nn
import torch.nn.functional as F


class Attention(nn.Module):
    """Multi-head attention with one projection for queries, keys and values."""

    def __init__(self, width, heads, causal=0):
        super().__init__()
        self.heads, self.causal = heads, causal
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        if causal:
            self.register_buffer("bias", torch.tril(torch.ones(causal, causal)).bool().view(1, 1, causal, causal))

    def forward(self, x, mask=None):
        rows, tokens, width = x.shape
        q, k, v = (t.view(rows, tokens, self.heads, width // self.heads).transpose(1, 2) for t in self.qkv(x).split(width, dim=2))
        scores = q @ k.transpose(-1, -2) / math.sqrt(width // self.heads)
        if self.causal:
            scores = torch.where(self.bias[:, :, :tokens, :tokens], scores, torch.full([], -1e4, dtype=scores.dtype))
        if mask is not None:
            scores = scores + mask
        y = torch.softmax(scores, dim=-1) @ v
        return self.out(y.transpose(1, 2).contiguous().view(rows, tokens, width))


class Bert(nn.Module):
    """The encoder of BERT (Devlin et al. 2018) with its classifier on the first token: normalisation after each residual, exact GELU."""

    def __init__(self, vocabulary=1000, width=256, heads=4, layers=4, longest=128, classes=10):
        super().__init__()
        self.words, self.places, self.kinds = nn.Embedding(vocabulary, width), nn.Embedding(longest, width), nn.Embedding(2, width)
        self.norm = nn.LayerNorm(width, eps=1e-12)
        self.layers = nn.ModuleList(nn.ModuleDict({
            "attention": Attention(width, heads), "norm1": nn.LayerNorm(width, eps=1e-12),
            "up": nn.Linear(width, 4 * width), "down": nn.Linear(4 * width, width), "norm2": nn.LayerNorm(width, eps=1e-12),
        }) for _ in range(layers))
        self.pooler, self.classifier = nn.Linear(width, width), nn.Linear(width, classes)

    def forward(self, input_ids, attention_mask=None):
        places = torch.arange(input_ids.shape[1]).unsqueeze(0)
        x = self.norm(self.words(input_ids) + self.places(places) + self.kinds(torch.zeros_like(input_ids)))
        mask = None if attention_mask is None else (1.0 - attention_mask[:, None, None, :].to(x.dtype)) * -10000.0
        for layer in self.layers:
            x = layer["norm1"](x + layer["attention"](x, mask))
            x = layer["norm2"](x + layer["down"](F.gelu(layer["up"](x))))
        return self.classifier(torch.tanh(self.pooler(x[:, 0])))


class Conv1D(nn.Module):
    """GPT-2's dense layer, its weight laid out the other way round."""

    def __init__(self, outputs, inputs):
        super().__init__()
        self.outputs, self.weight, self.bias = outputs, nn.Parameter(torch.randn(inputs, outputs) * 0.05), nn.Parameter(torch.randn(outputs) * 0.05)

    def forward(self, x):
        return torch.addmm(self.bias, x.view(-1, x.size(-1)), self.weight).view(x.size()[:-1] + (self.outputs,))


class Gpt2(nn.Module):
    """GPT-2 (Radford et al. 2019): causal attention, GELU by tanh, normalisation before each block, the head shares the embedding's weights."""

    def __init__(self, vocabulary=1000, width=256, heads=8, layers=4, longest=64):
        super().__init__()
        self.words, self.places = nn.Embedding(vocabulary, width), nn.Embedding(longest, width)
        self.blocks = nn.ModuleList(nn.ModuleDict({
            "norm1": nn.LayerNorm(width), "attention": Attention(width, heads, causal=longest),
            "norm2": nn.LayerNorm(width), "up": Conv1D(4 * width, width), "down": Conv1D(width, 4 * width),
        }) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, input_ids):
        x = self.words(input_ids) + self.places(torch.arange(input_ids.shape[1]).unsqueeze(0))
        for block in self.blocks:
            x = x + block["attention"](block["norm1"](x))
            y = block["up"](block["norm2"](x))
            y = 0.5 * y * (1.0 + torch.tanh(math.sqrt(2.0 / math.pi) * (y + 0.044715 * torch.pow(y, 3.0))))
            x = x + block["down"](y)
        return self.norm(x) @ self.words.weight.T


def convolutions(inputs, outputs):
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(),
                         nn.Conv2d(outputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())


class UNet(nn.Module):
    """U-Net (Ronneberger et al. 2015); `learned` climbs by transposed convolution, otherwise by bilinear interpolation."""

    def __init__(self, learned, channels=3, classes=4, width=16):
        super().__init__()
        sizes = [width, 2 * width, 4 * width, 8 * width]
        self.down = nn.ModuleList(convolutions(i, o) for i, o in zip([channels] + sizes, sizes))
        self.bottom = convolutions(sizes[-1], 2 * sizes[-1])
        self.climb = nn.ModuleList(nn.ConvTranspose2d(2 * s, s, 2, stride=2) if learned else nn.Sequential(
            nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True), nn.Conv2d(2 * s, s, 1)) for s in reversed(sizes))
        self.up = nn.ModuleList(convolutions(2 * s, s) for s in reversed(sizes))
        self.head = nn.Conv2d(width, classes, 1)

    def forward(self, x):
        kept = []
        for block in self.down:
            x = block(x)
            kept.append(x)
            x = F.max_pool2d(x, 2)
        x = self.bottom(x)
        for climb, block, skip in zip(self.climb, self.up, reversed(kept)):
            x = block(torch.cat([skip, climb(x)], dim=1))
        return self.head(x)


def swish(inputs, outputs, size=3, stride=1):
    return nn.Sequential(nn.Conv2d(inputs, outputs, size, stride, (size - 1) // 2, bias=False), nn.BatchNorm2d(outputs), nn.SiLU())


class Yolo(nn.Module):
    """A detector in the manner of YOLOv5: a small backbone, spatial pyramid pooling, two scales, and the head that turns offsets into boxes."""

    def __init__(self, classes=8):
        super().__init__()
        self.each = classes + 5
        self.stem = nn.Sequential(swish(3, 16, 6, 2), swish(16, 32, 3, 2), swish(32, 64, 3, 2), swish(64, 64, 3, 2))
        self.deep = swish(64, 128, 3, 2)
        self.squeeze, self.spread = swish(128, 64, 1), swish(256, 128, 1)
        self.fuse = swish(128 + 64, 64)
        anchors = torch.tensor([[[10., 13], [16, 30], [33, 23]], [[30, 61], [62, 45], [59, 119]]])
        self.register_buffer("anchors", anchors.view(2, 1, 3, 1, 1, 2))
        self.heads = nn.ModuleList([nn.Conv2d(64, 3 * self.each, 1), nn.Conv2d(128, 3 * self.each, 1)])

    def forward(self, x):
        middle = self.stem(x)
        y = self.squeeze(self.deep(middle))
        pools = [y]
        for _ in range(3):
            pools.append(F.max_pool2d(pools[-1], 5, 1, 2))
        deep = self.spread(torch.cat(pools, 1))
        middle = self.fuse(torch.cat([F.interpolate(deep, scale_factor=2.0, mode="nearest"), middle], 1))
        found = []
        for i, (head, y, stride) in enumerate(zip(self.heads, (middle, deep), (16, 32))):
            y = head(y)
            rows, _, high, wide = y.shape
            y = torch.sigmoid(y.view(rows, 3, self.each, high, wide).permute(0, 1, 3, 4, 2).contiguous())
            down, right = torch.meshgrid(torch.arange(high), torch.arange(wide), indexing="ij")
            grid = torch.stack((right, down), 2).expand(1, 3, high, wide, 2).to(y.dtype) - 0.5
            middles, sizes, rest = y.split((2, 2, self.each - 4), 4)
            y = torch.cat(((middles * 2 + grid) * stride, (sizes * 2) ** 2 * self.anchors[i], rest), 4)
            found.append(y.view(rows, -1, self.each))
        return torch.cat(found, 1)


class Tagger(nn.Module):
    """Embedding, a recurrent network of two layers in both directions, a score of each tag for each token."""

    def __init__(self, cell, vocabulary=500, width=64, tags=9):
        super().__init__()
        self.words = nn.Embedding(vocabulary, width)
        self.cell = cell(width, width, num_layers=2, bidirectional=True, batch_first=True)
        self.tags = nn.Linear(2 * width, tags)

    def forward(self, input_ids):
        return self.tags(self.cell(self.words(input_ids))[0])


class Gru(nn.Module):
    """A GRU over a series of measurements; its last state is classified."""

    def __init__(self, width=12, hidden=48, classes=5):
        super().__init__()
        self.cell, self.head = nn.GRU(width, hidden, num_layers=2, batch_first=True), nn.Linear(hidden, classes)

    def forward(self, x):
        return self.head(self.cell(x)[1][-1])


class Encoder(nn.Module):
    """PyTorch's own nn.TransformerEncoder over a series, averaged over time."""

    def __init__(self, width=128, classes=10, first=False):
        super().__init__()
        layer = nn.TransformerEncoderLayer(width, 4, 256, dropout=0.0, activation="gelu", batch_first=True, norm_first=first)
        self.encoder, self.head = nn.TransformerEncoder(layer, 3), nn.Linear(width, classes)

    def forward(self, x):
        return self.head(self.encoder(x).mean(1))


class Matcher(nn.Module):
    """Two inputs: pictures embedded by convolutions and measurements by a dense layer meet in a cosine similarity, a product and an einsum."""

    def __init__(self, classes=6):
        super().__init__()
        self.look = nn.Sequential(nn.Conv2d(1, 8, 5, 2), nn.InstanceNorm2d(8, affine=True), nn.PReLU(8), nn.Conv2d(8, 16, 3, 2), nn.GroupNorm(4, 16),
                                  nn.Hardswish(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 32))
        self.feel = nn.Sequential(nn.Linear(20, 32), nn.ELU(), nn.Linear(32, 32), nn.Softplus())
        self.join, self.head = nn.Parameter(torch.randn(32, 32, 8) * 0.1), nn.Linear(9, classes)

    def forward(self, picture, series):
        a, b = self.look(picture), self.feel(series)
        both = torch.einsum("ni,ijk,nj->nk", a, self.join, b)
        return self.head(torch.cat([both, F.cosine_similarity(a, b).unsqueeze(1)], 1))
