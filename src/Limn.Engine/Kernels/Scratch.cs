using System.Buffers;
using System.Runtime.InteropServices;

namespace Limn.Engine.Kernels;

/// <summary>Working memory borrowed from the shared pool, pinned and aligned to a cache line. Its content is whatever was there.</summary>
internal readonly unsafe struct Scratch : IDisposable
{
    private const int LineBytes = 64;
    private readonly float[] array;
    private readonly GCHandle handle;

    /// <exception cref="OutOfMemoryException">More than an array can hold is asked for.</exception>
    public Scratch(long floats)
    {
        if (floats > Array.MaxLength - LineBytes)
            throw new OutOfMemoryException($"A kernel needs {floats} floats of working memory, more than one array holds. Use a smaller batch or input.");
        array = ArrayPool<float>.Shared.Rent((int)floats + LineBytes / sizeof(float));
        handle = GCHandle.Alloc(array, GCHandleType.Pinned);
        Pointer = (float*)(((nint)handle.AddrOfPinnedObject() + LineBytes - 1) & ~(nint)(LineBytes - 1));
    }

    public float* Pointer { get; }

    public void Dispose()
    {
        handle.Free();
        ArrayPool<float>.Shared.Return(array);
    }
}
