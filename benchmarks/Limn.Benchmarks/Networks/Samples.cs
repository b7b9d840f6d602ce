using Limn.Engine;

namespace Limn.Benchmarks.Networks;

/// <summary>What networks are fed.</summary>
internal static class Samples
{
    private const ulong Seed = 11;

    /// <summary>Pictures [rows, 3, 224, 224] of mean 0 and variance about 1: waves of their own in each channel of each row, and noise.</summary>
    public static NdArray Pictures(int rows, int height = 224, int width = 224)
    {
        NdArray pictures = NdArray.Create(ElementType.Float, rows, 3, height, width);
        var waves = new CounterRandom(Seed, 1);
        new CounterRandom(Seed).FillNormal(pictures.Floats);
        for (int plane = 0; plane < rows * 3; plane++)
        {
            Span<float> pixels = pictures.Floats.Slice(plane * height * width, height * width);
            double down = Wave(0), across = Wave(1), phase = Wave(2);
            for (int i = 0; i < pixels.Length; i++)
                pixels[i] = (float)(0.4 * pixels[i] + Math.Sin(i / width * down / 8 + phase * 6) + 0.7 * Math.Cos(i % width * across / 12));

            double Wave(int which) => 0.3 + waves.Uniform((ulong)(plane * 3 + which));
        }
        return pictures;
    }

    /// <summary>Token ids [rows, length].</summary>
    public static NdArray Tokens(int rows, int length, int vocabulary)
    {
        NdArray ids = NdArray.Create(ElementType.Int64, rows, length);
        var random = new CounterRandom(Seed, 2);
        for (int i = 0; i < ids.Length; i++) ids.Integers[i] = random.Below(vocabulary, (ulong)i);
        return ids;
    }
}
