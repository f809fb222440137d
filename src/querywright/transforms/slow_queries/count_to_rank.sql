# title: the three best balances of each nation
# workload: tpch
SELECT a.s_nationkey, a.s_name, a.s_acctbal FROM supplier AS a
WHERE 3 > (SELECT COUNT(DISTINCT b.s_acctbal) FROM supplier AS b WHERE b.s_nationkey = a.s_nationkey AND b.s_acctbal > a.s_acctbal);
