namespace Limn.Engine.Kernels.ChannelsLast;

/// <summary>How the tiles of a convolution are cut into blocks, which go through the transforms and the products one after the other.</summary>
/// <param name="Blocks">Blocks, as even as can be.</param>
/// <param name="Shared">Whether the threads share each block; otherwise each takes whole blocks.</param>
/// <remarks>
/// Where the weights fit the second-level cache, so do V and M of a block, and a thread takes blocks of its own. Where they do not,
/// they are read anew for each block, 128 bytes divided by its tiles for each cycle of multiply-adds, so that blocks are larger, and
/// the threads share the points of a block, to read each weight once between them. The result does not depend on the blocks.
/// </remarks>
internal readonly record struct WinogradBlocking(int Blocks, bool Shared)
{
    /// <summary>Bytes of the second-level cache that the blocks may fill; the rest is for what passes by.</summary>
    private const long CacheBytes = 5 << 18;

    /// <summary>Bytes of V and M that a block may have.</summary>
    private const long MostBytes = 1 << 26;

    private const int FewestTiles = 14;

    /// <summary>Tiles, a thread, for which reading the weights is cheap enough, where V and M nearly fit the cache, and where they do not.</summary>
    private const int TilesNearCache = 42, TilesBeyondCache = 112;

    public static WinogradBlocking Of(int tiles, int inChannels, int outChannels, int points, int threads)
    {
        long tileBytes = (long)points * sizeof(float) * Math.Max(1, inChannels + outChannels), weightBytes = (long)points * sizeof(float) * inChannels * outChannels;
        long resident = (CacheBytes - weightBytes) / tileBytes;
        if (resident >= FewestTiles)
        {
            long blocks = (tiles + resident - 1) / resident;
            long even = (blocks + threads - 1) / threads * threads; // the last round should keep every thread busy
            return new((int)Math.Max(1, Math.Min(even, tiles)), Shared: false);
        }
        long few = TilesNearCache * tileBytes <= 2 * CacheBytes ? TilesNearCache : TilesBeyondCache;
        long most = Math.Max(FewestTiles, Math.Min(few * threads, MostBytes / tileBytes));
        return new((int)((tiles + most - 1) / most), Shared: true);
    }

    /// <summary>The first tile of a block.</summary>
    public int Start(int block, int tiles) => (int)((long)tiles * block / Blocks);
}

/// <summary>Where the pieces of one block of tiles lie.</summary>
/// <param name="Tiles">Tiles of the block.</param>
/// <param name="Groups">Groups that the tiles are cut into, as even as can be.</param>
/// <param name="DepthPadded">Input channels, rounded up to whole chunks.</param>
/// <param name="OutPadded">Output channels, rounded up to whole vectors.</param>
internal readonly record struct WinogradBlock(int Tiles, int Groups, int DepthPadded, int OutPadded)
{
    /// <summary>Floats from one point of V to the next: an odd number of cache lines, so that the points do not share cache sets.</summary>
    public nint InputStep => OddLines((nint)Tiles * DepthPadded);

    /// <summary>Floats from one point of M to the next.</summary>
    public nint OutputStep => OddLines((nint)Tiles * OutPadded);

    /// <summary>The first tile of a group.</summary>
    public int Start(int group) => Tiles / Groups * group + Math.Min(group, Tiles % Groups);

    private static nint OddLines(nint floats) => ((floats + 15) / 16 | 1) * 16;
}
