# title: a running total by a subquery for each row
# workload: tpch
SELECT a.s_suppkey, (SELECT SUM(b.s_acctbal) FROM supplier AS b WHERE b.s_suppkey <= a.s_suppkey) AS running
FROM supplier AS a;
