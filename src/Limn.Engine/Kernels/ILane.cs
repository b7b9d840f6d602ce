namespace Limn.Engine.Kernels;

/// <summary>
/// What a kernel needs of a vector of floats. A kernel is written once over this and compiled for each width, so that a test can
/// run every width in one process.
/// </summary>
internal unsafe interface ILane<TVector>
    where TVector : unmanaged
{
    /// <summary>Floats in a vector.</summary>
    static abstract int Width { get; }

    /// <summary>Rows of a register tile of the product: with 3 vectors a row, as many as the registers hold.</summary>
    static abstract int TileRows { get; }

    static abstract TVector Load(float* from);

    /// <summary>The first floats, fewer than a vector has, and zeros; memory beyond them is not touched.</summary>
    static abstract TVector LoadFirst(float* from, int count);

    static abstract void Store(TVector vector, float* to);

    /// <summary>Stores the first floats, fewer than a vector has; memory beyond them is not touched.</summary>
    static abstract void StoreFirst(TVector vector, float* to, int count);

    static abstract TVector Broadcast(float value);

    /// <summary>left * right + sum, fused where the processor can.</summary>
    static abstract TVector MultiplyAdd(TVector left, TVector right, TVector sum);

    static abstract TVector Add(TVector left, TVector right);
    static abstract TVector Subtract(TVector left, TVector right);
    static abstract TVector Multiply(TVector left, TVector right);
    static abstract TVector Divide(TVector left, TVector right);

    /// <summary>min(max(x, low), high) for bounds that are numbers; NaN stays NaN.</summary>
    static abstract TVector Clip(TVector x, TVector low, TVector high);

    /// <summary>x where low ≤ gate ≤ high, and 0 elsewhere.</summary>
    static abstract TVector Gate(TVector x, TVector gate, TVector low, TVector high);

    /// <summary>The greater; the first NaN if there is one, and best where they are equal.</summary>
    static abstract TVector Greater(TVector best, TVector value);

    /// <summary>What is left where value equals sought or is NaN, and 0 elsewhere; nothing is left there afterwards.</summary>
    static abstract TVector Take(TVector value, TVector sought, ref TVector left);

    static abstract float Sum(TVector vector);
}
