using System.Numerics;

namespace Limn.Engine.Kernels;

/// <summary>The discrete Fourier transform of any length in O(n log n).</summary>
/// <remarks>
/// Powers of two by Cooley, Tukey (1965), radix 2 in place; other lengths as a convolution of the next sufficient power of two
/// (Bluestein 1970). Angles are reduced before sines and cosines are taken, so that errors do not grow with the length.
/// </remarks>
internal sealed class FourierTransform
{
    private readonly int length;
    private readonly bool inverse;
    private readonly Complex[] roots; // of a power of two: e^(−2πi k/n), k < n/2
    private readonly Complex[] chirp = []; // e^(−πi k²/n)
    private readonly Complex[] filter = []; // the transform of the conjugate chirp, wrapped around
    private readonly FourierTransform? convolution;

    /// <param name="length">How many numbers.</param>
    /// <param name="inverse">Whether it is the inverse transform, divided by the length.</param>
    public FourierTransform(int length, bool inverse)
    {
        this.length = length;
        this.inverse = inverse;
        if (BitOperations.IsPow2(length))
        {
            roots = [.. Enumerable.Range(0, length / 2).Select(k => Root(k, length))];
            return;
        }
        roots = [];
        chirp = [.. Enumerable.Range(0, length).Select(k => Root((long)k * k % (2L * length), 2L * length))];
        int size = checked((int)BitOperations.RoundUpToPowerOf2((uint)(2 * length - 1)));
        convolution = new FourierTransform(size, inverse: false);
        filter = new Complex[size];
        for (int k = 0; k < length; k++) filter[k] = filter[(size - k) % size] = Complex.Conjugate(chirp[k]);
        convolution.Run(filter);
    }

    /// <summary>Transforms in place.</summary>
    public void Run(Complex[] x)
    {
        // The inverse is the forward transform between two conjugations.
        if (inverse) Conjugate(x, 1);
        if (convolution is null) Radix2(x);
        else Bluestein(x, convolution);
        if (inverse) Conjugate(x, 1.0 / length);
    }

    private static Complex Root(long k, long n)
    {
        (double sine, double cosine) = Math.SinCos(-2 * Math.PI * k / n);
        return new Complex(cosine, sine);
    }

    private static void Conjugate(Complex[] x, double scale)
    {
        for (int i = 0; i < x.Length; i++) x[i] = Complex.Conjugate(x[i]) * scale;
    }

    private void Radix2(Complex[] x)
    {
        for (int i = 1, j = 0; i < x.Length; i++)
        {
            int bit = x.Length >> 1;
            for (; (j & bit) != 0; bit >>= 1) j ^= bit;
            j |= bit;
            if (i < j) (x[i], x[j]) = (x[j], x[i]);
        }
        for (int half = 1; half < x.Length; half *= 2)
        {
            int step = x.Length / (2 * half);
            for (int start = 0; start < x.Length; start += 2 * half)
                for (int k = 0; k < half; k++)
                {
                    Complex odd = roots[k * step] * x[start + half + k], even = x[start + k];
                    (x[start + k], x[start + half + k]) = (even + odd, even - odd);
                }
        }
    }

    private void Bluestein(Complex[] x, FourierTransform transform)
    {
        var padded = new Complex[filter.Length];
        for (int k = 0; k < length; k++) padded[k] = x[k] * chirp[k];
        transform.Run(padded);
        for (int k = 0; k < padded.Length; k++) padded[k] = Complex.Conjugate(padded[k] * filter[k]);
        transform.Run(padded); // between conjugations: the inverse, without its scale
        for (int k = 0; k < length; k++) x[k] = Complex.Conjugate(padded[k]) / padded.Length * chirp[k];
    }
}
