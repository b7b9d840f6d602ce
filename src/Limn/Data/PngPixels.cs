using System.Buffers.Binary;

namespace Limn.Data;

/// <summary>Turns rows of samples, as PNG packs them, into the pixels of an <see cref="Image"/>.</summary>
internal sealed class PngPixels
{
    private readonly PngHeader header;
    private readonly byte[]? palette;
    private readonly byte[]? alphas;  // of the palette
    private readonly int[]? key;      // the samples of the transparent colour, at the file's bit depth
    private readonly Image image;
    private readonly int maximum;

    public PngPixels(PngHeader header, byte[]? palette, byte[]? transparency, Image image)
    {
        (this.header, this.palette, this.image) = (header, palette, image);
        maximum = (1 << header.BitDepth) - 1;
        if (header.Colour == PngColour.Palette) alphas = transparency;
        else if (transparency is not null)
        {
            key = new int[header.Samples];
            for (int i = 0; i < key.Length; i++) key[i] = BinaryPrimitives.ReadUInt16BigEndian(transparency.AsSpan(2 * i)) & maximum;
        }
    }

    /// <summary>Puts a row's pixels at (x, y), (x + stepX, y), ...</summary>
    public void Put(ReadOnlySpan<byte> row, int x, int stepX, int y, int pixels)
    {
        int channels = image.Channels;
        int at = ((y * image.Width) + x) * channels, step = stepX * channels;
        if (header.BitDepth == 8 && header.Samples == channels && stepX == 1 && header.Colour != PngColour.Palette)
        {
            row[..(pixels * channels)].CopyTo(image.Pixels.AsSpan(at));
            return;
        }
        Span<int> samples = stackalloc int[header.Samples];
        for (int pixel = 0; pixel < pixels; pixel++, at += step)
        {
            for (int s = 0; s < samples.Length; s++) samples[s] = Sample(row, (pixel * samples.Length) + s);
            Span<byte> target = image.Pixels.AsSpan(at, channels);
            switch (header.Colour)
            {
                case PngColour.Palette:
                    PutColour(samples[0], target, y);
                    continue;
                case PngColour.Grey or PngColour.GreyAlpha when channels == 4:
                    target[..3].Fill(To8(samples[0]));
                    break;
                default:
                    for (int c = 0; c < Math.Min(3, channels); c++) target[c] = To8(samples[c]);
                    break;
            }
            if (channels < 4) continue;
            if (key is not null) target[3] = samples.SequenceEqual(key) ? (byte)0 : (byte)255;
            else target[3] = To8(samples[^1]);
        }
    }

    private void PutColour(int index, Span<byte> target, int y)
    {
        if (index >= palette!.Length / 3) DataFile.Throw($"the PNG is corrupt: row {y} uses colour {index} of a palette of {palette.Length / 3}.");
        palette.AsSpan(3 * index, 3).CopyTo(target);
        if (target.Length == 4) target[3] = index < alphas!.Length ? alphas[index] : (byte)255;
    }

    private int Sample(ReadOnlySpan<byte> row, int index)
    {
        if (header.BitDepth == 8) return row[index];
        if (header.BitDepth == 16) return BinaryPrimitives.ReadUInt16BigEndian(row[(2 * index)..]);
        int bit = index * header.BitDepth; // the leftmost pixel is in the highest bits
        return (row[bit >> 3] >> (8 - header.BitDepth - (bit & 7))) & maximum;
    }

    private byte To8(int sample) => (byte)(((sample * 255L) + (maximum / 2)) / maximum);
}
