using System.Runtime.InteropServices;

namespace Limn.KernelBenchmarks;

/// <summary>Aligned memory of random numbers, given back at the end.</summary>
internal sealed unsafe class Memory : IDisposable
{
    private readonly List<nint> blocks = [];

    public static float[] Random(int length)
    {
        var random = new Random(1);
        return [.. Enumerable.Range(0, length).Select(_ => random.NextSingle() - 0.5f)];
    }

    public float* Floats(long length)
    {
        var block = (float*)NativeMemory.AlignedAlloc((nuint)length * sizeof(float), 64);
        blocks.Add((nint)block);
        Random((int)length).CopyTo(new Span<float>(block, (int)length));
        return block;
    }

    public void Dispose()
    {
        foreach (nint block in blocks) NativeMemory.AlignedFree((void*)block);
        blocks.Clear();
    }
}
