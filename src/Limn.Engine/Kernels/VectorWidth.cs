using System.Runtime.Intrinsics;

namespace Limn.Engine.Kernels;

/// <summary>The vectors that a kernel works with; the value is the number of floats in one.</summary>
internal enum VectorWidth
{
    Scalar = 1,
    Vector128 = 4,
    Vector256 = 8,
    Vector512 = 16,
}

internal static class VectorWidths
{
    /// <summary>The widest vectors that this processor has.</summary>
    public static VectorWidth Best =>
        Vector512.IsHardwareAccelerated ? VectorWidth.Vector512
        : Vector256.IsHardwareAccelerated ? VectorWidth.Vector256
        : Vector128.IsHardwareAccelerated ? VectorWidth.Vector128
        : VectorWidth.Scalar;
}
